{{/* {pool}: what each pool may read. Only who asks the provider holds its key. */}}
{{- define "attackacrack.poolSecrets" -}}
{{- dict "campaign" (list "database" "redis" "provider") "webhook" (list "database" "redis") "operations" (list "database" "redis" "provider" "webhook") | toYaml -}}
{{- end }}
