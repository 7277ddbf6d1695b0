{{/* {root, component, values}: the volume that outlives the release */}}
{{- define "attackacrack.dataClaim" -}}
- apiVersion: v1
  kind: PersistentVolumeClaim
  metadata:
    name: data
    labels:
      {{- include "attackacrack.selector" . | nindent 6 }}
  spec:
    accessModes: [ReadWriteOnce]
    {{- with .values.storage.className }}
    storageClassName: {{ . }}
    {{- end }}
    resources: {requests: {storage: {{ .values.storage.size }}}}
{{- end }}

{{/* {root, component, values, user}: pod fields of a bundled store or tool */}}
{{- define "attackacrack.bundledPod" -}}
{{- $pod := include "attackacrack.pod" . | fromYaml -}}
metadata:
  labels:
    {{- include "attackacrack.labels" . | nindent 4 }}
    {{- with $pod.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with merge (dict) $pod.annotations .root.Values.commonAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: 30
  securityContext:
    {{- include "attackacrack.podSecurityContext" . | nindent 4 }}
  {{- with include "attackacrack.scheduling" $pod }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with .root.Values.global.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
