{{/* What stands beside the pods of a service. */}}
{{- define "duban.network" -}}
{{- $facts := include "duban.facts" . | fromYaml -}}
{{- $policy := .Values.networkPolicy -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "duban.fullname" . }}
  labels: {{- include "duban.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "duban.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    # Whoever collects metrics. Probes come from the node, which no policy keeps out.
    - ports: [{port: health}]
      {{- with $policy.metrics }}
      from: {{- toYaml . | nindent 8 }}
      {{- end }}
    {{- if $facts.port }}
    - ports: [{port: {{ $facts.portName }}}]
      {{- with $policy.callers }}
      from: {{- toYaml . | nindent 8 }}
      {{- end }}
    {{- end }}
  egress:
    - ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
    {{- range $name := $facts.reaches }}
    # {{ $name }}
    {{- $to := index $policy $name }}
    - ports:
        {{- range $to.ports }}
        - {port: {{ . }}}
        {{- end }}
      {{- with $to.to }}
      to: {{- toYaml . | nindent 8 }}
      {{- end }}
    {{- end }}
{{- end }}

{{- define "duban.beside" -}}
{{- $facts := include "duban.facts" . | fromYaml -}}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ include "duban.fullname" . }}
  labels: {{- include "duban.labels" . | nindent 4 }}
spec:
  {{- if not $facts.port }}
  clusterIP: None
  {{- end }}
  selector: {{- include "duban.selector" . | nindent 4 }}
  ports:
    - {name: health, port: {{ $facts.health }}, targetPort: health}
    {{- if $facts.port }}
    - {name: {{ $facts.portName }}, port: {{ $facts.port }}, targetPort: {{ $facts.portName }}}
    {{- end }}
{{- if .Values.podDisruptionBudget.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "duban.fullname" . }}
  labels: {{- include "duban.labels" . | nindent 4 }}
spec:
  maxUnavailable: {{ .Values.podDisruptionBudget.maxUnavailable }}
  selector:
    matchLabels: {{- include "duban.selector" . | nindent 6 }}
{{- end }}
{{- if .Values.networkPolicy.enabled }}
---
{{ include "duban.network" . }}
{{- end }}
{{- if .Values.serviceMonitor.enabled }}
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: {{ include "duban.fullname" . }}
  labels: {{- merge (deepCopy .Values.serviceMonitor.labels) (include "duban.labels" . | fromYaml) | toYaml | nindent 4 }}
spec:
  selector:
    matchLabels: {{- include "duban.selector" . | nindent 6 }}
  endpoints:
    - port: health
      path: /metrics
      interval: {{ .Values.serviceMonitor.interval }}
      {{- $told := merge (include "duban.told" (dict "root" . "what" "files") | fromYaml) (include "duban.told" (dict "root" . "what" "settings") | fromYaml) }}
      {{- if hasKey $told "HEALTH_TLS_CERTIFICATE" }}
      scheme: https
      {{- end }}
      {{- with .Values.serviceMonitor.tlsConfig }}
      tlsConfig: {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end }}
{{- if (.Values.keda).enabled }}
{{- $settings := include "duban.told" (dict "root" . "what" "settings") | fromYaml }}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ include "duban.fullname" . }}
  labels: {{- include "duban.labels" . | nindent 4 }}
spec:
  scaleTargetRef: {name: {{ include "duban.fullname" . }}}
  minReplicaCount: {{ .Values.keda.min }}
  maxReplicaCount: {{ .Values.keda.max }}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        # Each member that comes or goes stops all for a moment: one at a time, and none is sent away because it was quiet for a minute.
        scaleUp:
          policies: [{type: Pods, value: 1, periodSeconds: 120}]
        scaleDown:
          stabilizationWindowSeconds: 600
          policies: [{type: Pods, value: 1, periodSeconds: 120}]
  triggers:
    - type: kafka
      metadata:
        bootstrapServers: {{ $settings.KAFKA | quote }}
        consumerGroup: {{ printf "%s%s" $facts.scaling.group ($settings.GROUP_SUFFIX | default "") }}
        topic: {{ $facts.scaling.topic }}
        lagThreshold: {{ .Values.keda.lagThreshold | toString | quote }}
        offsetResetPolicy: earliest
        allowIdleConsumers: "false"
      {{- with .Values.keda.authentication }}
      authenticationRef: {name: {{ . }}}
      {{- end }}
{{- end }}
{{- end }}

{{/* All of a service. */}}
{{- define "duban.service" -}}
{{- include "duban.validate" . }}
{{ include "duban.workload" . }}
{{ include "duban.beside" . }}
{{- range .Values.extraObjects }}
---
{{ tpl (kindIs "string" . | ternary . (toYaml .)) $ }}
{{- end }}
{{- end }}
