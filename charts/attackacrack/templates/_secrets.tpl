{{/* Where each secret is, and the file by which the application reads it. */}}

{{/* {root, secret}: the Secret's name */}}
{{- define "attackacrack.secretName" -}}
{{- $values := index .root.Values.secrets .secret -}}
{{- $values.existingSecret | default (include "attackacrack.componentName" (dict "root" .root "component" (kebabcase .secret))) -}}
{{- end }}

{{/* {root, name, key, default}: what an earlier install generated, else the default */}}
{{- define "attackacrack.kept" -}}
{{- $secret := lookup "v1" "Secret" .root.Release.Namespace .name -}}
{{- if and $secret (hasKey ($secret.data | default dict) .key) -}}
{{- index $secret.data .key | b64dec -}}
{{- else -}}
{{- .default -}}
{{- end -}}
{{- end }}

{{/* The setting that each key of a secret is, without its prefix. */}}
{{- define "attackacrack.settings" -}}
database: {url: database_url}
redis: {url: redis_url}
provider: {apiKey: provider_api_key}
webhook: {standard: webhook_secrets_standard, legacy: webhook_secrets_legacy}
flower: {password: flower_password}
{{- end }}

{{/* The same for the simulator, which has settings of its own. */}}
{{- define "attackacrack.simulatorSettings" -}}
provider: {apiKey: simulator_api_key}
webhook: {standard: simulator_webhook_standard_key, legacy: simulator_webhook_legacy_key}
{{- end }}

{{/* {root, secrets, settings}: a projected volume with one file for each setting */}}
{{- define "attackacrack.secretVolume" -}}
name: secrets
projected:
  defaultMode: 0440
  sources:
    {{- $root := .root }}
    {{- $settings := .settings }}
    {{- range $secret := .secrets }}
    - secret:
        name: {{ include "attackacrack.secretName" (dict "root" $root "secret" $secret) }}
        items:
          {{- $keys := (index $root.Values.secrets $secret).keys }}
          {{- range $key, $setting := index $settings $secret }}
          {{- with index $keys $key }}
          - {key: {{ . }}, path: attackacrack_{{ $setting }}}
          {{- end }}
          {{- end }}
    {{- end }}
{{- end }}
