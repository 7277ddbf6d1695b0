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

{{/* Whether each component signs in to the database with a login of its own: "yes", or nothing. The migration makes those of
the bundled one. */}}
{{- define "attackacrack.hasLogins" -}}
{{- if .Values.bundled.postgresql.enabled -}}
{{- if ne .Values.migrations.mode "none" }}yes{{ end -}}
{{- else if .Values.secrets.database.keys.console }}yes{{ end -}}
{{- end }}

{{/* Who has one, as the image names its roles. */}}
{{- define "attackacrack.logins" -}}
{{- list "beat" "campaign_worker" "console" "operations_worker" "webhook_ingress" "webhook_worker" | toJson -}}
{{- end }}

{{/* {root, component}: the key of the address that it signs in with. `helm test` does what the console's verbs do. */}}
{{- define "attackacrack.databaseKey" -}}
{{- $keys := .root.Values.secrets.database.keys -}}
{{- $login := ternary "console" .component (eq .component "test") -}}
{{- if or (eq $login "migrate") (not (include "attackacrack.hasLogins" .root)) -}}
{{- $keys.url -}}
{{- else if .root.Values.bundled.postgresql.enabled -}}
{{- $login -}}
{{- else -}}
{{- index $keys (camelcase (snakecase $login) | untitle) -}}
{{- end -}}
{{- end }}

{{/* The setting that each key of a secret is, without its prefix. */}}
{{- define "attackacrack.settings" -}}
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

{{/* {root, component, secrets, settings}: a projected volume with one file for each setting */}}
{{- define "attackacrack.secretVolume" -}}
name: secrets
projected:
  defaultMode: 0440
  sources:
    {{- $root := .root }}
    {{- $settings := .settings }}
    {{- $databaseKey := include "attackacrack.databaseKey" . }}
    {{- range $secret := .secrets }}
    - secret:
        name: {{ include "attackacrack.secretName" (dict "root" $root "secret" $secret) }}
        items:
          {{- if eq $secret "database" }}
          - {key: {{ $databaseKey }}, path: attackacrack_database_url}
          {{- end }}
          {{- $keys := (index $root.Values.secrets $secret).keys }}
          {{- range $key, $setting := index $settings $secret }}
          {{- with index $keys $key }}
          - {key: {{ . }}, path: attackacrack_{{ $setting }}}
          {{- end }}
          {{- end }}
    {{- end }}
    {{- if and (eq .component "migrate") .root.Values.bundled.postgresql.enabled }}
    - secret:
        name: {{ include "attackacrack.componentName" (dict "root" $root "component" "postgresql-logins") }}
        items:
          - {key: passwords, path: attackacrack_component_passwords}
    {{- end }}
{{- end }}
