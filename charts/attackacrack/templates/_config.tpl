{{/* The settings that are no secrets; a key of the values is the setting's name in camel case. */}}
{{- define "attackacrack.config" -}}
ATTACKACRACK_INSTALLATION: {{ include "attackacrack.fullname" . | quote }}
ATTACKACRACK_BIND_HOST: "0.0.0.0"
ATTACKACRACK_INGRESS_PORT: "8080"
ATTACKACRACK_CONSOLE_PORT: "8081"
ATTACKACRACK_FLOWER_PORT: "5555"
ATTACKACRACK_FLOWER_USER: {{ .Values.flower.user | quote }}
ATTACKACRACK_INGRESS_URL: {{ include "attackacrack.publicUrl" . | quote }}
ATTACKACRACK_OTLP_ENDPOINT: {{ include "attackacrack.otlpEndpoint" . | quote }}
ATTACKACRACK_TRACE_QUERY_URL: {{ include "attackacrack.traceQueryUrl" . | quote }}
ATTACKACRACK_METRICS_PORT: {{ include "attackacrack.metricsPort" . | quote }}
{{- range $key, $value := omit .Values.config "durations" }}
{{- with include "attackacrack.setting" $value }}
ATTACKACRACK_{{ snakecase $key | upper }}: {{ . | quote }}
{{- end }}
{{- end }}
{{- range $key, $value := .Values.config.durations }}
ATTACKACRACK_DURATIONS__{{ snakecase $key | upper }}: {{ include "attackacrack.setting" $value | quote }}
{{- end }}
{{- range $key, $value := .Values.celery }}
ATTACKACRACK_CELERY__{{ trimSuffix "Seconds" $key | snakecase | upper }}: {{ $value | quote }}
{{- end }}
ATTACKACRACK_PROVIDER: {{ .Values.provider.kind }}
{{- $provider := omit .Values.provider "kind" "allowOtherHost" }}
{{- if eq .Values.provider.kind "simulator" }}
{{- $_ := set $provider "baseUrl" (include "attackacrack.simulatorUrl" .) }}
{{- end }}
{{- range $key, $value := $provider }}
{{- with include "attackacrack.setting" $value }}
ATTACKACRACK_PROVIDER_{{ snakecase $key | upper }}: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* Where the roles that are measured answer Prometheus. */}}
{{- define "attackacrack.metricsPort" -}}9464{{- end }}
{{- define "attackacrack.measured" -}}
{{- list "webhook-ingress" "console" "campaign-worker" "webhook-worker" "operations-worker" "beat" | toJson -}}
{{- end }}

{{- define "attackacrack.setting" -}}
{{- if kindIs "slice" . -}}
{{- join "," . -}}
{{- else if kindIs "string" . -}}
{{- . -}}
{{- else if or (not (kindIs "map" .)) . -}}
{{- toJson . -}}
{{- end -}}
{{- end }}

{{/* {root, secrets}: the values given inline, so that a change of them rolls the pods that read them */}}
{{- define "attackacrack.inlineSecrets" -}}
{{- $inline := dict -}}
{{- range $secret := .secrets -}}
{{- $given := omit (index $.root.Values.secrets $secret) "existingSecret" "keys" "externalSecret" -}}
{{- if join "" (values $given) -}}
{{- $_ := set $inline $secret $given -}}
{{- end -}}
{{- end -}}
{{- with $inline }}{{ toJson . }}{{ end -}}
{{- end }}

{{/* A duration, ISO 8601 up to days or plain seconds, in seconds. */}}
{{- define "attackacrack.seconds" -}}
{{- $text := toString . -}}
{{- if hasPrefix "P" $text -}}
{{- $sum := 0.0 -}}
{{- range $unit, $seconds := dict "D" 86400 "H" 3600 "M" 60 "S" 1 -}}
{{- with regexFind (printf "[0-9.]+%s" $unit) $text -}}
{{- $sum = addf $sum (mulf (float64 (trimSuffix $unit .)) $seconds) -}}
{{- end -}}
{{- end -}}
{{- $sum -}}
{{- else -}}
{{- $text -}}
{{- end -}}
{{- end }}
