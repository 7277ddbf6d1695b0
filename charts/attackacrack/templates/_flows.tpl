{{/* Who may speak to whom inside the release: each destination, its port, and who begins. Nothing else is allowed. */}}
{{- define "attackacrack.flows" -}}
postgresql: {port: 5432, from: [webhook-ingress, console, campaign-worker, webhook-worker, operations-worker, beat, migrate, test]}
valkey: {port: 6379, from: [webhook-ingress, console, campaign-worker, webhook-worker, operations-worker, beat, flower, test]}
jaeger: {port: 4318, from: [webhook-ingress, console, campaign-worker, webhook-worker, operations-worker, beat]}
webhook-ingress: {port: 8080, from: [provider-simulator, operations-worker, test]}
console: {port: 8081, from: [test]}
provider-simulator: {port: 8090, from: [console, campaign-worker, operations-worker, test]}
{{- end }}

{{/* {cidrs, ports}: an egress rule to some networks, or to any address when none are named */}}
{{- define "attackacrack.egressTo" -}}
- ports:
    {{- range .ports }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
  {{- with .cidrs }}
  to:
    {{- range . }}
    - ipBlock: {cidr: {{ . }}}
    {{- end }}
  {{- end }}
{{- end }}

{{/* The port of a collector's address. */}}
{{- define "attackacrack.otlpPort" -}}
{{- $url := urlParse . -}}
{{- $port := regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) -}}
{{- $port | default (ternary "443" "80" (eq $url.scheme "https")) -}}
{{- end }}
