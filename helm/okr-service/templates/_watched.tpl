{{/* How a pod that runs for long is watched: its variables, its port, whether it lives. */}}
{{- define "okr.watchedSettings" -}}
- name: OKR_METRICS_PORT
  value: {{ .Values.monitoring.port | quote }}
- name: OKR_METRICS_HOST
  value: {{ .Values.api.listen | quote }}
{{- with .Values.monitoring.tracesEndpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "okr.watchedPort" -}}
- name: metrics
  containerPort: {{ .Values.monitoring.port }}
{{- end -}}

{{/* The components that are watched, each with the name of the Service of its figures. */}}
{{- define "okr.watched" -}}
{{- $name := include "okr.name" . -}}
api: {{ $name }}-metrics
{{- if .Values.workers.enabled }}
worker: {{ $name }}-jobs-metrics
{{- end }}
{{- end -}}

{{/* Which series are the release's own. */}}
{{- define "okr.own" -}}
namespace={{ .Release.Namespace | quote }},service=~"{{ values (include "okr.watched" . | fromYaml) | sortAlpha | join "|" }}"
{{- end -}}
