{{/* Database connections when every pool is at its most: each process keeps a pool of its own. */}}
{{- define "attackacrack.connections" -}}
{{- $perProcess := int .Values.config.databasePoolSize -}}
{{- $ingress := .Values.webhookIngress -}}
{{- $sum := mul 16 (int (ternary $ingress.autoscaling.maxReplicas $ingress.replicas $ingress.autoscaling.enabled)) -}}
{{- $sum = add $sum (mul $perProcess (add (int .Values.console.replicas) (int .Values.beat.replicas))) -}}
{{- $isScaled := ne (include "attackacrack.autoscaling" .) "none" -}}
{{- range .Values.workers -}}
{{- $sum = add $sum (mul (add (int .concurrency) 1) (int (ternary .autoscaling.maxReplicas .replicas $isScaled))) -}}
{{- end -}}
{{- $sum -}}
{{- end }}
