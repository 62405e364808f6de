{{/* What cannot be meant is refused before anything is sent to the cluster. */}}
{{- define "duban.validate" -}}
{{- $facts := include "duban.facts" . | fromYaml -}}
{{- $name := $facts.name -}}
{{- $settings := include "duban.told" (dict "root" . "what" "settings") | fromYaml -}}
{{- $secrets := include "duban.told" (dict "root" . "what" "secrets") | fromYaml -}}
{{- $files := include "duban.told" (dict "root" . "what" "files") | fromYaml -}}
{{- range $key := keys $secrets }}
{{- if hasKey $settings $key }}{{ fail (printf "%s: %s stands in settings and in secrets; leave it in secrets" $name $key) }}{{ end }}
{{- end }}
{{- range $key := keys $files }}
{{- if hasKey $settings $key }}{{ fail (printf "%s: %s stands in settings and in files; leave it in one" $name $key) }}{{ end }}
{{- end }}
{{- if not $settings.KAFKA }}{{ fail (printf "%s: settings.KAFKA is missing: host:port of the brokers" $name) }}{{ end }}
{{- if and $facts.database (not $secrets.DATABASE) }}
{{- fail (printf "%s: secrets.DATABASE is missing: the Secret with the URL of its role" $name) }}
{{- end }}
{{- if hasPrefix "SASL" ($settings.KAFKA_SECURITY | default "") }}
{{- if not (and $settings.KAFKA_USER $secrets.KAFKA_PASSWORD) }}
{{- fail (printf "%s: KAFKA_SECURITY is %s, so settings.KAFKA_USER and secrets.KAFKA_PASSWORD are needed" $name $settings.KAFKA_SECURITY) }}
{{- end }}
{{- else if $secrets.KAFKA_PASSWORD }}
{{- fail (printf "%s: secrets.KAFKA_PASSWORD is of no use while settings.KAFKA_SECURITY names no SASL" $name) }}
{{- end }}
{{- if eq $name "api" }}{{ if not $secrets.ACCOUNTS }}{{ fail "api: secrets.ACCOUNTS is missing: the URL of the role duban_console" }}{{ end }}{{ end }}
{{- if eq $name "vault" }}{{ if not $settings.VAULT_ACCOUNTS }}
{{- fail "vault: settings.VAULT_ACCOUNTS is missing: the https URL of the API, which is asked who comes" }}
{{- end }}{{ end }}
{{- with .Values.keda }}
{{- if and .enabled (gt (int $.Values.replicas) 1) }}{{ fail (printf "%s: keda decides how many run; leave replicas at 1" $name) }}{{ end }}
{{- if gt (int .max) (int $facts.scaling.partitions) }}
{{- fail (printf "%s: keda.max is %d, but %s has %d partitions, and one more member would have none" $name (int .max) $facts.scaling.topic (int $facts.scaling.partitions)) }}
{{- end }}
{{- if gt (int .min) (int .max) }}{{ fail (printf "%s: keda.min is above keda.max" $name) }}{{ end }}
{{- end }}
{{- if and .Values.evidence .Values.evidence.claim $settings.EVIDENCE }}
{{- fail (printf "%s: evidence.claim mounts a folder, and settings.EVIDENCE names a store; give one" $name) }}
{{- end }}
{{- end }}
