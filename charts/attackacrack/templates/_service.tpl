{{/* {root, component, service}: in front of the port `http` */}}
{{- define "attackacrack.service" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "attackacrack.metadata" (merge (dict "annotations" .service.annotations) .) | nindent 2 }}
spec:
  type: {{ .service.type }}
  ports:
    - {name: http, port: {{ .service.port }}, targetPort: http, appProtocol: http}
  selector:
    {{- include "attackacrack.selector" . | nindent 4 }}
{{- end }}

{{/* {root, component, budget} */}}
{{- define "attackacrack.disruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "attackacrack.metadata" . | nindent 2 }}
spec:
  {{- toYaml .budget | nindent 2 }}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "attackacrack.selector" . | nindent 6 }}
{{- end }}
