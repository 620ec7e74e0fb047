{{/* What all pods have in common. */}}
{{- define "okr.pod" -}}
automountServiceAccountToken: false
# Else a Service named okr-… would give variables OKR_…_HOST, which the service takes for typos.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  {{- with .Values.user }}
  runAsUser: {{ int64 . }}
  runAsGroup: {{ int64 . }}
  fsGroup: {{ int64 . }}
  {{- end }}
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* What all containers have in common. */}}
{{- define "okr.container" -}}
image: {{ include "okr.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* The settings as variables, lists with commas between and figures as they were written. */}}
{{- define "okr.settings" -}}
- name: OKR_SECRETS_DIR
  value: /run/secrets/okr
{{- range $name, $value := .Values.settings }}
- name: {{ printf "OKR_%s" (upper $name) }}
  {{- if kindIs "slice" $value }}
  value: {{ join "," $value | quote }}
  {{- else if kindIs "string" $value }}
  value: {{ $value | quote }}
  {{- else }}
  value: {{ toJson $value | quote }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "okr.mounts" -}}
- name: tmp
  mountPath: /tmp
- name: secrets
  mountPath: /run/secrets/okr
  readOnly: true
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The volumes of (list . "serving") or (list . "migrating"): only the latter sees the owner. */}}
{{- define "okr.volumes" -}}
{{- $root := index . 0 -}}
{{- with $root.Values -}}
- name: tmp
  emptyDir:
    sizeLimit: {{ .tmpSizeLimit }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ .database.existingSecret }}
          items:
            - key: {{ .database.urlKey }}
              path: okr_database_url
      {{- if eq (index $ 1) "serving" }}
      - secret:
          name: {{ .keys.existingSecret }}
          items:
            - key: {{ .keys.secretKey }}
              path: okr_api_key_secret
            {{- with .keys.previousSecretKey }}
            - key: {{ . }}
              path: okr_api_key_previous_secret
            {{- end }}
            {{- with .keys.bootstrapKey }}
            - key: {{ . }}
              path: okr_bootstrap_api_key
            {{- end }}
      {{- if .database.replicaExistingSecret }}
      - secret:
          name: {{ .database.replicaExistingSecret }}
          items:
            - key: {{ .database.replicaUrlKey }}
              path: okr_replica_database_url
      {{- end }}
      {{- if .broker.existingSecret }}
      - secret:
          name: {{ .broker.existingSecret }}
          items:
            {{- with .broker.tokenKey }}
            - key: {{ . }}
              path: okr_broker_token
            {{- end }}
            {{- with .broker.credentialsKey }}
            - key: {{ . }}
              path: okr_broker_credentials
            {{- end }}
      {{- end }}
      {{- else if .database.ownerExistingSecret }}
      - secret:
          name: {{ .database.ownerExistingSecret }}
          items:
            - key: {{ .database.ownerUrlKey }}
              path: okr_owner_database_url
      {{- end }}
{{- with .extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
{{- end -}}

{{/* Apart from one another where that can be: (list . "api") */}}
{{- define "okr.spread" -}}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels:
        {{- include "okr.selector" $ | nindent 8 }}
  {{- end }}
{{- end -}}

{{/* A pod's metadata: (list . "api") */}}
{{- define "okr.podMetadata" -}}
{{- $root := index . 0 -}}
labels:
  {{- include "okr.labels" . | nindent 2 }}
  {{- with $root.Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $root.Values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
