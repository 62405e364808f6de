{{- define "duban.workload" -}}
{{- $facts := include "duban.facts" . | fromYaml -}}
{{- $settings := include "duban.told" (dict "root" . "what" "settings") | fromYaml -}}
{{- $secrets := include "duban.told" (dict "root" . "what" "secrets") | fromYaml -}}
{{- $files := include "duban.told" (dict "root" . "what" "files") | fromYaml -}}
{{- $scheme := ternary "HTTPS" "HTTP" (hasKey (merge (deepCopy $files) $settings) "HEALTH_TLS_CERTIFICATE") -}}
apiVersion: apps/v1
kind: {{ $facts.workload | default "Deployment" }}
metadata:
  name: {{ include "duban.fullname" . }}
  labels: {{- include "duban.labels" . | nindent 4 }}
spec:
  {{- if not (.Values.keda).enabled }}
  replicas: {{ .Values.replicas }}
  {{- end }}
  {{- if eq ($facts.workload | default "") "StatefulSet" }}
  serviceName: {{ include "duban.fullname" . }}
  {{- end }}
  selector:
    matchLabels: {{- include "duban.selector" . | nindent 6 }}
  template:
    metadata:
      labels: {{- include "duban.labels" . | nindent 8 }}
      {{- with .Values.podAnnotations }}
      annotations: {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      # The batch in hand may take DRAIN_TIMEOUT, and the process ends five seconds later at most.
      terminationGracePeriodSeconds: {{ add 20 (int ($settings.DRAIN_TIMEOUT | default 25)) }}
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        fsGroup: 65532
        seccompProfile: {type: RuntimeDefault}
      {{- with .Values.imagePullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if .Values.topologySpread.enabled }}
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: {{ .Values.topologySpread.topologyKey }}
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels: {{- include "duban.selector" . | nindent 14 }}
      {{- end }}
      {{- with .Values.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.tolerations }}
      tolerations: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.affinity }}
      affinity: {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: {{ $facts.name }}
          image: {{ include "duban.image" . }}
          imagePullPolicy: {{ .Values.image.pullPolicy }}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
          ports:
            - {name: health, containerPort: {{ $facts.health }}}
            {{- with $facts.port }}
            - {name: {{ $facts.portName }}, containerPort: {{ . }}}
            {{- end }}
          env:
            - {name: DUBAN_BIND, value: "0.0.0.0"}
            - {name: DUBAN_HEALTH_HOST, value: "0.0.0.0"}
            {{- if and $facts.port (not $settings.ALLOWED_HOSTS) }}
            {{- $host := include "duban.fullname" . }}
            - {name: DUBAN_ALLOWED_HOSTS, value: "{{ $host }},{{ $host }}.{{ .Release.Namespace }},{{ $host }}.{{ .Release.Namespace }}.svc"}
            {{- end }}
            {{- if .Values.trust }}
            - {name: SSL_CERT_FILE, value: /run/trust/ca.pem}
            {{- end }}
            {{- if (.Values.evidence).claim }}
            - {name: DUBAN_EVIDENCE, value: /evidence}
            {{- end }}
            {{- if (.Values.maps).configMap }}
            - {name: DUBAN_MAPS, value: /maps}
            {{- end }}
            {{- if $facts.evidence }}
            - {name: DUBAN_EVIDENCE_UPLOADS, value: /tmp/uploads}
            {{- end }}
            {{- range $key, $value := $settings }}
            - {name: DUBAN_{{ $key }}, value: {{ $value | toString | quote }}}
            {{- end }}
            {{- range $key, $_ := $secrets }}
            - {name: DUBAN_{{ $key }}_FILE, value: /run/secrets/duban/{{ $key }}}
            {{- end }}
            {{- range $key, $_ := $files }}
            - {name: DUBAN_{{ $key }}, value: /run/files/duban/{{ $key }}}
            {{- end }}
          startupProbe:
            httpGet: {path: /healthz, port: health, scheme: {{ $scheme }}}
            periodSeconds: 2
            failureThreshold: 60
          livenessProbe:
            httpGet: {path: /healthz, port: health, scheme: {{ $scheme }}}
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          readinessProbe:
            httpGet: {path: /readyz, port: health, scheme: {{ $scheme }}}
            periodSeconds: 5
            timeoutSeconds: 5
          resources: {{- toYaml .Values.resources | nindent 12 }}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
            {{- if $secrets }}
            - {name: secrets, mountPath: /run/secrets/duban, readOnly: true}
            {{- end }}
            {{- if $files }}
            - {name: files, mountPath: /run/files/duban, readOnly: true}
            {{- end }}
            {{- if .Values.trust }}
            - {name: trust, mountPath: /run/trust, readOnly: true}
            {{- end }}
            {{- if (.Values.evidence).claim }}
            - {name: evidence, mountPath: /evidence}
            {{- end }}
            {{- if (.Values.maps).configMap }}
            - {name: maps, mountPath: /maps, readOnly: true}
            {{- end }}
      volumes:
        - name: tmp
          emptyDir: {}
        {{- if $secrets }}
        - name: secrets
          projected:
            defaultMode: 0440
            sources: {{- include "duban.sources" $secrets | nindent 14 }}
        {{- end }}
        {{- if $files }}
        - name: files
          projected:
            defaultMode: 0440
            sources: {{- include "duban.sources" $files | nindent 14 }}
        {{- end }}
        {{- with .Values.trust }}
        - name: trust
          projected:
            sources: {{- include "duban.sources" (dict "ca.pem" .) | nindent 14 }}
        {{- end }}
        {{- with (.Values.evidence).claim }}
        - name: evidence
          persistentVolumeClaim: {claimName: {{ . }}}
        {{- end }}
        {{- with (.Values.maps).configMap }}
        - name: maps
          configMap: {name: {{ . }}}
        {{- end }}
{{- end }}

{{- define "duban.sources" -}}
{{- range $key, $from := . }}
{{- if $from.configMap }}
- configMap: {name: {{ $from.configMap }}, items: [{key: {{ $from.key }}, path: {{ $key }}}]}
{{- else }}
- secret: {name: {{ $from.existingSecret }}, items: [{key: {{ $from.key }}, path: {{ $key }}}]}
{{- end }}
{{- end }}
{{- end }}
