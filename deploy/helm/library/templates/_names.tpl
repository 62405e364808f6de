{{/* The facts of a service stand in facts.yaml of its chart, what may be set in values.yaml. */}}
{{- define "duban.facts" -}}{{ .Files.Get "facts.yaml" }}{{- end }}

{{/* RELEASE-SERVICE, or the release alone where it is named after the service. */}}
{{- define "duban.fullname" -}}
{{- $name := (include "duban.facts" . | fromYaml).name -}}
{{- if hasSuffix $name .Release.Name }}{{ .Release.Name }}{{ else }}{{ printf "%s-%s" .Release.Name $name | trunc 63 }}{{ end }}
{{- end }}

{{- define "duban.selector" -}}
app.kubernetes.io/name: duban-{{ (include "duban.facts" . | fromYaml).name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "duban.labels" -}}
{{ include "duban.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: duban
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "duban.image" -}}
{{- $image := .Values.image -}}
{{- $registry := $image.registry | default (((.Values.global).duban).registry) -}}
{{- with $registry }}{{ . }}/{{ end }}{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* "settings", "secrets" or "files" of a service: its own, and under them those that are given for all. */}}
{{- define "duban.told" -}}
{{- $all := index (((.root.Values.global).duban) | default dict) .what | default dict -}}
{{- $own := index .root.Values .what | default dict -}}
{{- toYaml (merge (deepCopy $own) $all) }}
{{- end }}
