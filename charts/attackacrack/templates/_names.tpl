{{/* Names, labels, images. A name is at most 33 characters, so that what Kubernetes makes of <name>-provider-simulator is at most 63. */}}

{{- define "attackacrack.name" -}}
{{- .Values.nameOverride | default .Chart.Name -}}
{{- end }}

{{- define "attackacrack.fullname" -}}
{{- $name := include "attackacrack.name" . -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if gt (len $full) 33 -}}
{{- printf "%s-%s" ($full | trunc 24 | trimSuffix "-") (sha256sum $full | trunc 8) -}}
{{- else -}}
{{- $full -}}
{{- end -}}
{{- end }}

{{/* {root, component} */}}
{{- define "attackacrack.componentName" -}}
{{- printf "%s-%s" (include "attackacrack.fullname" .root) .component -}}
{{- end }}

{{/* {root, component}: what never changes */}}
{{- define "attackacrack.selector" -}}
app.kubernetes.io/name: {{ include "attackacrack.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{/* {root, component} */}}
{{- define "attackacrack.labels" -}}
{{ include "attackacrack.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: attackacrack
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 }}
{{- if has .component (list "postgresql" "valkey" "jaeger" "provider-simulator") }}
attackacrack.io/evaluation-only: "true"
{{- end }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* {root, component, name?, annotations?}: the metadata of an object */}}
{{- define "attackacrack.metadata" -}}
name: {{ .name | default (include "attackacrack.componentName" .) }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "attackacrack.labels" . | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) (.annotations | default dict) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* {root, image}: a digest wins over a tag */}}
{{- define "attackacrack.image" -}}
{{- $registry := .image.registry | default .root.Values.global.imageRegistry -}}
{{- $repository := ternary (printf "%s/%s" $registry .image.repository) .image.repository (ne $registry "") -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (.image.tag | default .root.Chart.AppVersion) -}}
{{- end -}}
{{- end }}

{{/* keda, hpa or none: what scales the worker pools in this rendering */}}
{{- define "attackacrack.autoscaling" -}}
{{- $mode := .Values.autoscaling.mode -}}
{{- if ne $mode "auto" -}}
{{- $mode -}}
{{- else -}}
{{- ternary "keda" "none" (.Capabilities.APIVersions.Has "keda.sh/v1alpha1") -}}
{{- end -}}
{{- end }}

{{- define "attackacrack.redisAddress" -}}
{{- if .Values.bundled.valkey.enabled -}}
{{- printf "%s.%s.svc:6379" (include "attackacrack.componentName" (dict "root" . "component" "valkey")) .Release.Namespace -}}
{{- else -}}
{{- printf "%s:%v" .Values.redis.host .Values.redis.port -}}
{{- end -}}
{{- end }}

{{- define "attackacrack.simulatorUrl" -}}
{{- printf "http://%s" (include "attackacrack.componentName" (dict "root" . "component" "provider-simulator")) -}}
{{- end }}

{{- define "attackacrack.webhookUrl" -}}
{{- printf "http://%s:%v/webhooks/openphone" (include "attackacrack.componentName" (dict "root" . "component" "webhook-ingress")) .Values.webhookIngress.service.port -}}
{{- end }}

{{/* Where the provider delivers: the public address, or inside the cluster when there is none. */}}
{{- define "attackacrack.publicUrl" -}}
{{- with .Values.webhookIngress.expose -}}
{{- if ne .type "none" -}}
https://{{ .host }}{{ first .paths }}
{{- else -}}
{{- include "attackacrack.webhookUrl" $ -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Where a trace is read back: the bundled Jaeger has only what is sent to it. */}}
{{- define "attackacrack.traceQueryUrl" -}}
{{- if .Values.otel.queryUrl -}}
{{- .Values.otel.queryUrl -}}
{{- else if and .Values.bundled.jaeger.enabled (not .Values.otel.endpoint) -}}
{{- printf "http://%s:16686" (include "attackacrack.componentName" (dict "root" . "component" "jaeger")) -}}
{{- end -}}
{{- end }}

{{- define "attackacrack.otlpEndpoint" -}}
{{- if .Values.otel.endpoint -}}
{{- .Values.otel.endpoint -}}
{{- else if .Values.bundled.jaeger.enabled -}}
{{- printf "http://%s:4318" (include "attackacrack.componentName" (dict "root" . "component" "jaeger")) -}}
{{- end -}}
{{- end }}
