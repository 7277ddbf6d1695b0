{{/* {root, name, script, args, secrets}: a pod of `helm test` */}}
{{- define "attackacrack.testPod" -}}
{{- $role := dict "root" .root "component" "test" "values" .root.Values.tests -}}
apiVersion: v1
kind: Pod
metadata:
  {{- $pod := include "attackacrack.podTemplate" (merge (dict
    "command" (concat (list "python" "-c" .script) .args)
    "secrets" .secrets
    "restartPolicy" "Never"
  ) $role) | fromYaml }}
  name: {{ include "attackacrack.componentName" $role }}-{{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- toYaml $pod.metadata.labels | nindent 4 }}
  annotations:
    helm.sh/hook: test
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
    {{- with omit $pod.metadata.annotations "checksum/config" "checksum/secrets" }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- omit $pod.spec "topologySpreadConstraints" | toYaml | nindent 2 }}
{{- end }}
