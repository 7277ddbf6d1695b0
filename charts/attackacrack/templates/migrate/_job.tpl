{{- define "attackacrack.migrateSpec" -}}
{{- $before := list -}}
{{- if .root.Values.bundled.postgresql.enabled -}}
{{- $before = list (include "attackacrack.waitForPostgresql" . | fromYaml) -}}
{{- end -}}
backoffLimit: {{ .values.backoffLimit }}
activeDeadlineSeconds: {{ .values.activeDeadlineSeconds }}
ttlSecondsAfterFinished: {{ .values.ttlSecondsAfterFinished }}
template:
  {{- include "attackacrack.podTemplate" (merge (dict
    "command" (list "attackacrack" "schema" "migrate")
    "secrets" (list "database")
    "restartPolicy" "OnFailure"
    "initContainers" $before
  ) .) | nindent 2 }}
{{- end }}

{{/* The bundled server starts beside the Job; an external one is there already. */}}
{{- define "attackacrack.waitForPostgresql" -}}
name: wait-for-postgresql
image: {{ include "attackacrack.image" (dict "root" .root "image" .root.Values.bundled.postgresql.image) }}
imagePullPolicy: IfNotPresent
securityContext:
  {{- include "attackacrack.containerSecurityContext" true | nindent 2 }}
command: [sh, -c, "until pg_isready --quiet --username attackacrack --host \"$1\"; do sleep 1; done", wait, {{ include "attackacrack.componentName" (dict "root" .root "component" "postgresql") }}]
resources:
  {{- toYaml .values.resources | nindent 2 }}
{{- end }}
