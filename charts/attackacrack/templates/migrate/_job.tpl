{{- define "attackacrack.migrateSpec" -}}
backoffLimit: {{ .values.backoffLimit }}
activeDeadlineSeconds: {{ .values.activeDeadlineSeconds }}
template:
  {{- include "attackacrack.podTemplate" (merge (dict
    "command" (list "attackacrack" "schema" "migrate")
    "secrets" (list "database")
    "restartPolicy" "OnFailure"
  ) .) | nindent 2 }}
{{- end }}
