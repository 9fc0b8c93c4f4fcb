{{- define "redis.haScript" -}}
name={{ include "redis.fullname" . }}-master
nodes={{ .Values.replica.replicaCount }}
set={{ .Values.sentinel.masterSet }}
quorum={{ .Values.sentinel.quorum }}
down_after={{ int .Values.sentinel.downAfterMilliseconds }}
failover_timeout={{ int .Values.sentinel.failoverTimeout }}
parallel_syncs={{ .Values.sentinel.parallelSyncs }}
stuck_after=30
renew_after=10
ordinal=${POD_NAME##*-}
file=/data/sentinel/sentinel.conf
secrets=/etc/redis
auth={{ .Values.auth.enabled | ternary "yes" "" }}
redis_port=6379
sentinel_port=26379
to_itself='{{ include "redis.toItself" . }}'
to_others='{{ include "redis.toOthers" . | trim }}'
to_own_sentinel='-p 26379{{ include "redis.toOthers" . }}'
# With the namespace: the short name of a pod itself is in its /etc/hosts, with an address that goes with it.
look_up() { getent hosts "$name-$1.{{ .Release.Namespace }}.svc" | awk '{print $1; exit}'; }
sentinel_listens() {
  {{- if .Values.tls.enabled }}
  printf '%s\n' 'port 0' 'tls-port 26379' 'tls-cert-file /etc/tls/{{ .Values.tls.certFilename }}' 'tls-key-file /etc/tls/{{ .Values.tls.certKeyFilename }}' \
    'tls-ca-cert-file /etc/tls/{{ .Values.tls.certCAFilename }}' 'tls-auth-clients {{ .Values.tls.authClients | ternary "yes" "no" }}' 'tls-replication yes'
  {{- else }}
  echo 'port 26379'
  {{- end }}
  printf '%s\n' 'bind * -::*' 'daemonize no' 'logfile ""' 'dir /data/sentinel'
}
run_server() { exec "$server" /etc/redis/nodes.conf "$@"; }
{{ .Files.Get "files/ha.sh" | trim }}
{{- end }}

{{- define "redis.proxyConf" -}}
{{- /* the whole answer, or a refusal, comes at once: what is shorter is not waited for */}}
{{- $least := .Values.auth.enabled | ternary "29" "24" }}
{{- /* A check says nothing secret and decides nothing but where clients are led, and they verify the node themselves: so neither an expired certificate
nor a new CA takes the address away. */}}
{{- $tls := .Values.tls.enabled | ternary " check-ssl verify none" "" }}
{{- if and .Values.tls.enabled .Values.tls.authClients }}{{ $tls = print $tls " crt /etc/haproxy-tls/" .Values.tls.certFilename }}{{ end }}
{{- $servers := list }}{{ $alone := list }}{{ $leading := list }}
{{- range $i := until (int .Values.replica.replicaCount) }}
{{- $address := printf "%s-master-%d:6379" (include "redis.fullname" $) $i }}
{{- $servers = append $servers (printf "    server node%d %s" $i $address) }}
{{- $leading = append $leading (printf "    server node%d %s track leading/node%d" $i $address $i) }}
{{- $alone = append $alone (printf "    server lone%d %s backup track lone/node%d on-marked-down shutdown-sessions" $i $address $i) }}
{{- end }}
{{- $health := "frontend health\n    mode http\n    bind :8404\n    timeout client 5s\n    monitor-uri /" }}
{{- .Files.Get "files/haproxy.cfg" | replace "{{health}}" $health | replace "{{address}}" ":6379" | replace "{{connect}}" (.Values.tls.enabled | ternary " default" "")
  | replace "{{login}}" (.Values.auth.enabled | ternary "AUTH health -\\r\\n" "") | replace "{{least}}" $least | replace "{{tls}}" $tls
  | replace "{{servers}}" (join "\n" $servers) | replace "{{alone}}" (join "\n" $alone) | replace "{{leading}}" (join "\n" $leading)
  | replace "{{patience}}" (.Values.tls.enabled | ternary "1s" "250ms") | trim }}
{{- end }}
