{{/* What KEDA reads: every queue's list, and the hash of messages taken and not yet acknowledged. */}}

{{/* {pool, queues}: trigger names by key, as queued0, ..., inflight */}}
{{- define "attackacrack.countedKeys" -}}
{{- $counted := dict "inflight" (printf "unacked:%s" .pool) -}}
{{- range $index, $queue := .queues -}}
{{- $_ := set $counted (printf "queued%d" $index) $queue -}}
{{- end -}}
{{- toYaml $counted -}}
{{- end }}

{{/* The keys that the autoscaler's user may count, as Valkey's users file writes them. */}}
{{- define "attackacrack.kedaKeys" -}}
{{- $keys := list -}}
{{- range .Values.workers -}}
{{- range .queues -}}{{- $keys = append $keys (printf "~%s" .) -}}{{- end -}}
{{- end -}}
{{- append (sortAlpha $keys) "~unacked:*" | join " " -}}
{{- end }}
