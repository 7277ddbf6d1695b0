{{/* The one pod template of every role of ours: the only place with security, volumes, environment and spread.

{root, component, values, command, secrets, ...}:
  values      the role's values: resources, pod, terminationGracePeriodSeconds
  secrets     names under .Values.secrets whose files the role reads
  settings    which file each of them is; the application's by default
  waits       whether an init container waits for the schema
  token       whether the service account's token is mounted
  env, ports, probes, lifecycle, initContainers, volumes, mounts, restartPolicy   as in a pod
*/}}
{{- define "attackacrack.podTemplate" -}}
{{- $root := .root -}}
{{- $pod := include "attackacrack.pod" . | fromYaml -}}
metadata:
  labels:
    {{- include "attackacrack.labels" . | nindent 4 }}
    {{- with $pod.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    checksum/config: {{ include "attackacrack.config" $root | sha256sum }}
    {{- with include "attackacrack.inlineSecrets" (dict "root" $root "secrets" .secrets) }}
    checksum/secrets: {{ . | sha256sum }}
    {{- end }}
    {{- with merge (dict) $pod.annotations (.annotations | default dict) $root.Values.commonAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- if ne .component "migrate" }}
  serviceAccountName: {{ include "attackacrack.componentName" . }}
  {{- end }}
  automountServiceAccountToken: {{ .token | default false }}
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .values.terminationGracePeriodSeconds | default 30 }}
  {{- with .restartPolicy }}
  restartPolicy: {{ . }}
  {{- end }}
  {{- if not (kindIs "invalid" $root.Values.podSecurity.hostUsers) }}
  hostUsers: {{ $root.Values.podSecurity.hostUsers }}
  {{- end }}
  securityContext:
    {{- include "attackacrack.podSecurityContext" (dict "user" 10001) | nindent 4 }}
  {{- with $root.Values.global.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .waits }}
  initContainers:
    - name: wait-for-schema
      {{- include "attackacrack.container" . | nindent 6 }}
      command: [attackacrack, schema, wait, --seconds, {{ $root.Values.migrations.waitSeconds | quote }}]
  {{- end }}
  {{- with .initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ .component }}
      {{- include "attackacrack.container" . | nindent 6 }}
      command: {{ concat (ternary (list "attackacrack-reload") list (and $root.Values.development.reload (not (has .component (list "migrate" "test"))))) .command | toJson }}
      {{- with .args }}
      args:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- $ports := .ports | default list }}
      {{- if has .component (include "attackacrack.measured" . | fromJsonArray) }}
      {{- $ports = append $ports (dict "name" "metrics" "containerPort" (include "attackacrack.metricsPort" . | int)) }}
      {{- end }}
      {{- with $ports }}
      ports:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .probes }}
      {{- . | nindent 6 }}
      {{- end }}
      {{- with .lifecycle }}
      lifecycle:
        {{- toYaml . | nindent 8 }}
      {{- end }}
  volumes:
    - {name: tmp, emptyDir: {medium: Memory, sizeLimit: 64Mi}}
    - {name: run, emptyDir: {medium: Memory, sizeLimit: 1Mi}}
    {{- with include "attackacrack.authoritiesVolume" $root }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- if .secrets }}
    - {{- include "attackacrack.secretVolume" (dict "root" $root "component" .component "secrets" .secrets "settings" (.settings | default (include "attackacrack.settings" $root | fromYaml))) | nindent 6 }}
    {{- end }}
    {{- with .volumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- with $pod.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if ne .component "migrate" }}
  topologySpreadConstraints:
    {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "attackacrack.selector" $ | nindent 10 }}
      matchLabelKeys: [pod-template-hash]
    {{- end }}
  {{- end }}
  {{- with include "attackacrack.scheduling" $pod }}
  {{- . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* {root, values}: what a role's pods have beside the template: the common values, over them the role's own */}}
{{- define "attackacrack.pod" -}}
{{- mergeOverwrite (deepCopy .root.Values.pod) (deepCopy (.values.pod | default dict)) | toYaml -}}
{{- end }}

{{/* Where pods run, of the values that `attackacrack.pod` gives. */}}
{{- define "attackacrack.scheduling" -}}
{{- $set := dict -}}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "priorityClassName" -}}
{{- with index $ $key -}}{{- $_ := set $set $key . -}}{{- end -}}
{{- end -}}
{{- with $set }}{{ toYaml . }}{{ end -}}
{{- end }}

{{/* The certificates of private authorities, where there are any: a volume, and what makes libraries read it. */}}
{{- define "attackacrack.authoritiesVolume" -}}
{{- with .Values.authorities -}}
{{- if .configMap -}}
- {name: authorities, configMap: {name: {{ .configMap }}, items: [{key: {{ .key }}, path: ca.crt}]}}
{{- else if .secret -}}
- {name: authorities, secret: {secretName: {{ .secret }}, defaultMode: 0440, items: [{key: {{ .key }}, path: ca.crt}]}}
{{- end }}
{{- end }}
{{- end }}
{{- define "attackacrack.authoritiesEnvironment" -}}
{{- if or .Values.authorities.configMap .Values.authorities.secret -}}
{{- $environment := list -}}
{{- range list "OTEL_EXPORTER_OTLP_CERTIFICATE" "PGSSLROOTCERT" "SSL_CERT_FILE" -}}
{{- $environment = append $environment (dict "name" . "value" "/run/authorities/ca.crt") -}}
{{- end -}}
{{- toYaml $environment -}}
{{- end -}}
{{- end }}

{{/* What the container of a role and the one that waits for the schema have in common. */}}
{{- define "attackacrack.container" -}}
{{- $root := .root -}}
{{- $pod := include "attackacrack.pod" . | fromYaml -}}
image: {{ include "attackacrack.image" (dict "root" $root "image" $root.Values.image) }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
securityContext:
  {{- include "attackacrack.containerSecurityContext" (not $root.Values.development.reload) | nindent 2 }}
{{- if ne .component "migrate" }}
envFrom:
  - configMapRef: {name: {{ include "attackacrack.componentName" (dict "root" $root "component" "config") }}}
{{- end }}
env:
  - {name: ATTACKACRACK_SERVICE_NAME, value: {{ .component }}}
  - {name: ATTACKACRACK_RUN_DIR, value: /run/attackacrack}
  {{- if .secrets }}
  - {name: ATTACKACRACK_SECRETS_DIR, value: /run/secrets/attackacrack}
  {{- end }}
  - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
  - {name: NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
  - name: OTEL_RESOURCE_ATTRIBUTES
    value: {{ include "attackacrack.resourceAttributes" $root | quote }}
  {{- with include "attackacrack.authoritiesEnvironment" $root }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with .env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with $pod.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  - {name: run, mountPath: /run/attackacrack}
  {{- if .secrets }}
  - {name: secrets, mountPath: /run/secrets/attackacrack, readOnly: true}
  {{- end }}
  {{- if or $root.Values.authorities.configMap $root.Values.authorities.secret }}
  - {name: authorities, mountPath: /run/authorities, readOnly: true}
  {{- end }}
  {{- with .mounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with $pod.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
resources:
  {{- toYaml .values.resources | nindent 2 }}
{{- end }}

{{- define "attackacrack.resourceAttributes" -}}
k8s.namespace.name={{ .Release.Namespace }},k8s.pod.name=$(POD_NAME),k8s.node.name=$(NODE_NAME),service.instance.id=$(POD_NAME),service.version={{ .Chart.AppVersion }}
{{- range $name, $value := .Values.otel.resourceAttributes }},{{ $name }}={{ $value }}{{ end }}
{{- end }}

{{/* {user}: for evaluation's stores too */}}
{{- define "attackacrack.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: {{ .user }}
runAsGroup: {{ .user }}
fsGroup: {{ .user }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "attackacrack.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: {{ . }}
capabilities: {drop: [ALL]}
{{- end }}

{{/* {port, live, ready}: probes of a role that serves HTTP */}}
{{- define "attackacrack.httpProbes" -}}
startupProbe:
  httpGet: {path: {{ .live }}, port: {{ .port }}}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 90
readinessProbe:
  httpGet: {path: {{ .ready }}, port: {{ .port }}}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
livenessProbe:
  httpGet: {path: {{ .live }}, port: {{ .port }}}
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: 3
{{- end }}

{{/* {started}: probes of a role that writes files. `live` is also touched while the broker is away, so that its outage
restarts nobody; Python without site and environment starts in 11 ms. */}}
{{- define "attackacrack.fileProbes" -}}
startupProbe:
  exec: {command: {{ include "attackacrack.fileProbe" (dict "file" .started "seconds" 60) }}}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 150
readinessProbe:
  exec: {command: {{ include "attackacrack.fileProbe" (dict "file" "ready" "seconds" 30) }}}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
livenessProbe:
  exec: {command: {{ include "attackacrack.fileProbe" (dict "file" "live" "seconds" 60) }}}
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: 3
{{- end }}

{{/* {file, seconds} */}}
{{- define "attackacrack.fileProbe" -}}
{{- $code := printf "import os, sys, time; sys.exit(time.time() - os.stat('/run/attackacrack/%s').st_mtime > %v)" .file .seconds -}}
{{- list "python" "-S" "-E" "-c" $code | toJson -}}
{{- end }}
