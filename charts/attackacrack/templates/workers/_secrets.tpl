{{/* {pool}: what each pool may read. Only senders and reconcilers hold the provider's key. */}}
{{- define "attackacrack.poolSecrets" -}}
{{- dict "campaign" (list "database" "redis" "provider") "webhook" (list "database" "redis") "operations" (list "database" "redis" "provider" "webhook") | toYaml -}}
{{- end }}
