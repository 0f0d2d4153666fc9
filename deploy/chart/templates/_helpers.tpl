{{- define "explorer.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}
{{- end -}}
{{- end -}}

{{/* Labels that select: those of a deployment never change. Takes a dict of root and part. */}}
{{- define "explorer.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}

{{- define "explorer.labels" -}}
{{ include "explorer.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "explorer.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{- define "explorer.account" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "explorer.name" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end -}}

{{- define "explorer.tracking" -}}
{{- if .Values.trackingUri -}}
{{ .Values.trackingUri }}
{{- else -}}
http://{{ include "explorer.name" . }}-mlflow:5000
{{- end -}}
{{- end -}}

{{/* What a person could undo in no container of ours. Takes the id of the account. */}}
{{- define "explorer.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "explorer.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "explorer.placement" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* A variable from the Secret. Takes a dict of root, name and key. */}}
{{- define "explorer.fromSecret" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef: {name: {{ .root.Values.secret.name }}, key: {{ .key }}}
{{- end -}}

{{/* Everything of a pod of the service but where its event log lies. Takes a dict of root, part,
workers and resources. */}}
{{- define "explorer.pod" -}}
{{- $values := .root.Values -}}
serviceAccountName: {{ include "explorer.account" .root }}
automountServiceAccountToken: false
{{- /* the service's own grace, the wait before it, and some seconds to spare */}}
terminationGracePeriodSeconds: {{ add ($values.serving.grace_seconds | default 15) $values.preStopSeconds 10 }}
securityContext: {{- include "explorer.podSecurity" 10001 | nindent 2 }}
{{- with include "explorer.placement" .root }}
{{- . | nindent 0 }}
{{- end }}
containers:
  - name: service
    image: {{ include "explorer.image" .root }}
    imagePullPolicy: {{ $values.image.pullPolicy }}
    args: [explorer, serve]
    ports:
      - {name: http, containerPort: {{ $values.port }}}
    env:
      - {name: EXPLORER_HOST, value: "0.0.0.0"}
      - {name: EXPLORER_PORT, value: {{ $values.port | quote }}}
      - {name: EXPLORER_WORKERS, value: {{ .workers | quote }}}
      - {name: EXPLORER_API_KEYS, value: /etc/explorer/api-keys.yaml}
      - {name: FEAST_FS_YAML_FILE_PATH, value: feature_repo/feature_store.production.yaml}
      - {name: MLFLOW_TRACKING_URI, value: {{ include "explorer.tracking" .root | quote }}}
      {{- include "explorer.fromSecret" (dict "root" .root "name" "FEAST_REDIS" "key" $values.secret.keys.redis) | nindent 6 }}
      {{- include "explorer.fromSecret" (dict "root" .root "name" "FEAST_REGISTRY" "key" $values.secret.keys.registry) | nindent 6 }}
    # the port opens once the first release is loaded
    startupProbe:
      httpGet: {path: /healthz, port: http}
      periodSeconds: 2
      failureThreshold: 90
    livenessProbe:
      httpGet: {path: /healthz, port: http}
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 6
    readinessProbe:
      httpGet: {path: /readyz, port: http}
      periodSeconds: 5
      timeoutSeconds: 3
      failureThreshold: 2
    lifecycle:
      preStop:
        exec: {command: [sleep, {{ $values.preStopSeconds | quote }}]}
    resources: {{- toYaml .resources | nindent 6 }}
    securityContext: {{- include "explorer.containerSecurity" . | nindent 6 }}
    volumeMounts:
      - {name: settings, mountPath: /app/params.yaml, subPath: {{ .part }}.yaml, readOnly: true}
      - {name: keys, mountPath: /etc/explorer, readOnly: true}
      - {name: log, mountPath: /app/var}
      - {name: scratch, mountPath: /tmp}
volumes:
  - name: settings
    configMap: {name: {{ include "explorer.name" .root }}}
  - name: keys
    secret:
      secretName: {{ $values.secret.name }}
      items: [{key: {{ $values.secret.keys.apiKeys }}, path: api-keys.yaml}]
  - name: scratch
    emptyDir: {}
{{- end -}}

{{/* The volume of a store. Takes its size and class. */}}
{{- define "explorer.claim" -}}
- metadata:
    name: data
  spec:
    accessModes: [ReadWriteOnce]
    {{- with .storageClassName }}
    storageClassName: {{ . }}
    {{- end }}
    resources:
      requests: {storage: {{ .size }}}
{{- end -}}

{{/* The address of a store. Takes a dict of root, part and port. */}}
{{- define "explorer.storeService" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "explorer.name" .root }}-{{ .part }}
  labels: {{- include "explorer.labels" . | nindent 4 }}
spec:
  selector: {{- include "explorer.selector" . | nindent 4 }}
  ports:
    - {name: {{ .part }}, port: {{ .port }}}
{{- end -}}
