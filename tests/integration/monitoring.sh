#!/bin/bash
# What `export alerts` and `export dashboard` write, judged by promtool, and by a real Prometheus that scrapes a real redis_exporter of a
# real redis-server: each failure is provoked, its alert fires, and no other does.
# shellcheck disable=SC2154  # variables of checks.sh
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=tests/support/checks.sh
. tests/support/checks.sh
raibid=${RAIBID_CLI:-$PWD/build/raibid-cli}
work=$(mktemp -d) pids=()
export RAIBID_HOME=$work/home
mkdir -m 700 "$RAIBID_HOME"
cleanup() {
  if ((${#pids[@]})); then kill -9 "${pids[@]}" 2>/dev/null; wait "${pids[@]}" 2>/dev/null; fi
  rm -rf "$work"
}
trap cleanup EXIT

alerts() { "$raibid" export alerts --plain --monitoring -n jobs --release r1-redis "$@"; }
redis() { redis-cli -s "$work/redis.sock" "$@"; }

# --- promtool ---

presets=(raibid mxclone will-it-compile mirai sla-management)
for preset in "${presets[@]}"; do
  alerts --preset "$preset" > "$work/$preset.yaml" 2> "$work/err" || { fail_showing "$preset: export alerts" "$(cat "$work/err")"; continue; }
  check "$preset: promtool accepts the rules" promtool check rules "$work/$preset.yaml"
done

alerts --ha --backup-schedule '0 3 * * *' > "$work/ha.yaml"
check "several nodes and backups: promtool accepts the rules" promtool check rules "$work/ha.yaml"
alerts --tls > "$work/tls.yaml"
check "TLS: promtool accepts the rules" promtool check rules "$work/tls.yaml"

# promtool's own tests: each alert fires, heals, and stays silent while nothing is wrong. SERIES are lines of "series | values".
labels='namespace="jobs",service="r1-redis-metrics"'
rule_test() { # DESCRIPTION PRESET ALERT AT YES|NO SERIES…
  local what=$1 preset=$2 alert=$3 at=$4 fires=$5 line file=$work/test.yaml
  shift 5
  {
    printf 'rule_files: [%s]\nevaluation_interval: 1m\ntests:\n- interval: 1m\n  input_series:\n' "$preset.yaml"
    for line in "$@"; do printf "  - {series: '%s', values: '%s'}\n" "${line% | *}" "${line##* | }"; done
    printf '  promql_expr_test:\n  - {expr: "count(ALERTS{alertname=\\"%s\\",alertstate=\\"firing\\"}) or vector(0)", eval_time: %s, exp_samples: [{labels: "{}", value: %s}]}\n' \
      "$alert" "$at" "$([[ $fires == yes ]] && echo 1 || echo 0)"
  } > "$file"
  check "$what" promtool test rules "$file"
}
up="redis_up{$labels}"
s='stream="raibid:jobs",db="db0"'
rule_test "down for two minutes" raibid RedisDown 5m yes "$up | 1 1 1 0 0 0"
rule_test "down for a moment" raibid RedisDown 5m no "$up | 1 1 1 1 1 0"
rule_test "up again" raibid RedisDown 9m no "$up | 1 0 0 0 0 1 1 1 1 1"
rule_test "nothing is scraped" raibid RedisDown 5m yes "redis_up{namespace=\"other\",service=\"x\"} | 1x10"
rule_test "it restarts again and again" raibid RedisRestarting 12m yes "redis_start_time_seconds{$labels} | 10 10 20 20 30 30 40 40 40 40 40 40 40"
rule_test "one restart" raibid RedisRestarting 12m no "redis_start_time_seconds{$labels} | 10 10 20x10"
rule_test "memory at 95 %" raibid RedisMemoryHigh 10m yes "redis_memory_used_bytes{$labels} | 95x10" "redis_memory_max_bytes{$labels} | 100x10"
rule_test "memory at 80 %" raibid RedisMemoryHigh 10m no "redis_memory_used_bytes{$labels} | 80x10" "redis_memory_max_bytes{$labels} | 100x10"
rule_test "no maxmemory" raibid RedisMemoryHigh 10m no "redis_memory_used_bytes{$labels} | 80x10" "redis_memory_max_bytes{$labels} | 0x10"
rule_test "keys are evicted" raibid RedisEvicting 10m yes "redis_evicted_keys_total{$labels} | 0x8 5 9 12"
rule_test "evicted long ago" raibid RedisEvicting 20m no "redis_evicted_keys_total{$labels} | 0 5 9x20"
rule_test "connections are rejected" raibid RedisRejectingConnections 10m yes "redis_rejected_connections_total{$labels} | 0+1x10"
rule_test "commands are refused" raibid RedisRejectingCommands 15m yes "redis_commands_rejected_calls_total{$labels,cmd=\"xadd\"} | 0+20x15"
rule_test "one command was refused" raibid RedisRejectingCommands 15m no "redis_commands_rejected_calls_total{$labels,cmd=\"xadd\"} | 0 0 1x15"
rule_test "the AOF cannot be written" raibid RedisAofFailing 5m yes "redis_aof_last_write_status{$labels} | 1 1 0 0 0 0"
rule_test "the AOF cannot be rewritten" raibid RedisRewriteFailing 10m yes "redis_aof_last_bgrewrite_status{$labels} | 1 1 0x10"
claim='namespace="jobs",persistentvolumeclaim="redis-data-r1-redis-master-0"'
rule_test "the claim is full in three days" raibid RedisClaimFilling 420m yes "kubelet_volume_stats_available_bytes{$claim} | 100000000000-20000000x420"
rule_test "the claim lasts for a year" raibid RedisClaimFilling 420m no "kubelet_volume_stats_available_bytes{$claim} | 100000000000-100000x420"
rule_test "the claim gets emptier" raibid RedisClaimFilling 420m no "kubelet_volume_stats_available_bytes{$claim} | 1000000000+20000x420"
rule_test "the claim is full to 95 %" raibid RedisClaimFull 10m yes "kubelet_volume_stats_available_bytes{$claim} | 5x10" "kubelet_volume_stats_capacity_bytes{$claim} | 100x10"
delivered="redis_stream_group_last_delivered_id{$labels,$s,group=\"g\"}" newest="redis_stream_last_generated_id{$labels,$s}" length="redis_stream_length{$labels,$s}"
rule_test "jobs wait and nobody takes them" raibid RedisQueueStalled 15m yes "$delivered | 100x15" "$newest | 100 200x15" "$length | 5x15"
rule_test "all jobs are taken" raibid RedisQueueStalled 15m no "$delivered | 200x15" "$newest | 200x15" "$length | 5x15"
rule_test "jobs wait and are being taken" raibid RedisQueueStalled 15m no "$delivered | 100+10x15" "$newest | 1000+10x15" "$length | 5x15"
rule_test "the stream was emptied" raibid RedisQueueStalled 15m no "$delivered | 100x15" "$newest | 200x15" "$length | 0x15"
consumer="$labels,$s,group=\"g\",consumer=\"c\""
rule_test "a consumer hangs" raibid RedisConsumerStuck 20m yes "redis_stream_group_consumer_messages_pending{$consumer} | 2x20" "redis_stream_group_consumer_idle_seconds{$consumer} | 0+60x20"
rule_test "a consumer is idle without jobs" raibid RedisConsumerStuck 20m no "redis_stream_group_consumer_messages_pending{$consumer} | 0x20" "redis_stream_group_consumer_idle_seconds{$consumer} | 0+60x20"
rule_test "a stream far above its limit" raibid RedisStreamAboveLimit 40m yes "$length | 12000x40"
rule_test "a full stream, as the trim leaves it" raibid RedisStreamAboveLimit 40m no "$length | 10000x40"
rule_test "a new dead letter" raibid RedisDeadLetters 10m yes "redis_key_size{$labels,db=\"db0\",key=\"raibid:jobs:dead\"} | 0x8 1 1 1"
rule_test "old dead letters" raibid RedisDeadLetters 90m no "redis_key_size{$labels,db=\"db0\",key=\"raibid:jobs:dead\"} | 3x90"
asynq() { printf 'redis_key_size{%s,db="db0",key="asynq:{default}:%s"}' "$labels" "$1"; }
rule_test "Asynq: tasks wait and no server takes them" mirai RedisQueueStalled 15m yes "$(asynq pending) | 3x15" "$(asynq active) | 0x15"
rule_test "Asynq: tasks are being done" mirai RedisQueueStalled 15m no "$(asynq pending) | 3x15" "$(asynq active) | 1x15"
rule_test "Asynq: a task failed for good" mirai RedisDeadLetters 10m yes "$(asynq archived) | 0x8 1 1 1"

# several nodes: a, b and c
node() { printf '%s{%s,instance="%s"%s}' "$1" "$labels" "$2" "${3:+,$3}"; }
of() { node redis_instance_info "$1" "role=\"$2\""; } # NODE ROLE
rule_test "all nodes answer" ha RedisNodeMissing 15m no "$(node redis_up a) | 1x15" "$(node redis_up b) | 1x15" "$(node redis_up c) | 1x15"
rule_test "a node does not answer" ha RedisNodeMissing 15m yes "$(node redis_up a) | 1x15" "$(node redis_up b) | 1x15" "$(node redis_up c) | 1 1 0x13"
rule_test "a node is not there" ha RedisNodeMissing 15m yes "$(node redis_up a) | 1x15" "$(node redis_up b) | 1x15"
rule_test "it is back" ha RedisNodeMissing 15m no "$(node redis_up a) | 1x15" "$(node redis_up b) | 1x15" "$(node redis_up c) | 1 0 0 0 0 0 0 0 1x8"
rule_test "nobody is the master" ha RedisNoMaster 10m yes "$(node redis_up a) | 1x10" "$(of a slave) | 1x10" "$(of b master) | 1 1 stale"
rule_test "a failover" ha RedisNoMaster 10m no "$(node redis_up a) | 1x10" "$(of a master) | _ _ _ _ _ 1x10" "$(of b master) | 1 1 1 1 stale"
rule_test "two say that they are the master" ha RedisTwoMasters 10m yes "$(of a master) | 1x10" "$(of b master) | _ _ _ 1x10"
rule_test "the master changes" ha RedisTwoMasters 10m no "$(of a master) | _ _ _ _ _ 1x10" "$(of b master) | 1 1 1 1 1 1 stale"
rule_test "both replicas follow" ha RedisReplicaDown 10m no "$(of a master) | 1x10" "$(node redis_connected_slaves a) | 2x10" "$(node redis_connected_slaves b) | 0x10"
rule_test "one replica does not follow" ha RedisReplicaDown 10m yes "$(of a master) | 1x10" "$(node redis_connected_slaves a) | 1x10" "$(node redis_connected_slaves b) | 0x10"
rule_test "it follows again" ha RedisReplicaDown 10m no "$(of a master) | 1x10" "$(node redis_connected_slaves a) | 2 1 1 1 1 1 2x5"
rule_test "a replica is behind" ha RedisReplicaBehind 10m yes "$(node redis_connected_slave_lag_seconds a 'slave_ip="10.0.0.2"') | 1 1 20x10"
rule_test "a replica is behind for a moment" ha RedisReplicaBehind 10m no "$(node redis_connected_slave_lag_seconds a 'slave_ip="10.0.0.2"') | 1 1 20 1x10"
rule_test "another node took over" ha RedisFailedOver 15m yes "$(of a master) | 1 1 1 1 1 1 1 1 stale" "$(of b master) | _ _ _ _ _ _ _ _ _ 1x10"
rule_test "the same master as ever" ha RedisFailedOver 30m no "$(of a master) | 1x30"
rule_test "a new Redis" ha RedisFailedOver 8m no "$(of a master) | _ _ 1x10"
rule_test "it took over long ago" ha RedisFailedOver 40m no "$(of a master) | 1 1 stale" "$(of b master) | _ _ _ 1x40"
sentinel='kube_pod_container_status_ready{namespace="jobs",container="sentinel",pod="r1-redis-master-1"}'
rule_test "a sentinel is not ready" ha RedisSentinelDown 15m yes "$sentinel | 1 1 0x15"
rule_test "it is ready again" ha RedisSentinelDown 15m no "$sentinel | 1 0 0 0 0 0 0 0 1x10"
in_stream='stream="raibid:jobs",db="db0"'
rule_test "replicas say the same of a queue: one alert" ha RedisQueueStalled 15m yes "$(of a master) | 1x15" "$(of b slave) | 1x15" \
  "$(node redis_stream_group_last_delivered_id a "$in_stream,group=\"g\"") | 100x15" "$(node redis_stream_last_generated_id a "$in_stream") | 100 200x15" "$(node redis_stream_length a "$in_stream") | 5x15" \
  "$(node redis_stream_group_last_delivered_id b "$in_stream,group=\"g\"") | 100x15" "$(node redis_stream_last_generated_id b "$in_stream") | 100 200x15" "$(node redis_stream_length b "$in_stream") | 5x15"
rule_test "the claim of another node" ha RedisClaimFull 10m yes 'kubelet_volume_stats_available_bytes{namespace="jobs",persistentvolumeclaim="redis-data-r1-redis-master-2"} | 5x10' \
  'kubelet_volume_stats_capacity_bytes{namespace="jobs",persistentvolumeclaim="redis-data-r1-redis-master-2"} | 100x10'

# backups, every night; time begins at 0
cron='namespace="jobs",cronjob="r1-redis-backup"' run='namespace="jobs",job_name="r1-redis-backup-1"'
success="kube_cronjob_status_last_successful_time{$cron}"
rule_test "a backup of last night" ha RedisBackupOld 2870m no "$success | 60x2870"
rule_test "none for two nights" ha RedisBackupOld 2890m yes "$success | 60x2890"
rule_test "none ever" ha RedisBackupOld 2890m yes "kube_cronjob_created{$cron} | 60x2890"
rule_test "a backup at last" ha RedisBackupOld 2900m no "$success | 60x2890 173500x10"
rule_test "a backup failed" ha RedisBackupFailed 20m yes "$success | 60x20" "kube_job_status_failed{$run} | 0 0 0 1x17" "kube_job_status_start_time{$run} | 120x20"
rule_test "the first one failed" ha RedisBackupFailed 20m yes "kube_cronjob_created{$cron} | 60x20" "kube_job_status_failed{$run} | 1x20" "kube_job_status_start_time{$run} | 120x20"
rule_test "the second try was good" ha RedisBackupFailed 20m no "$success | 60 60 60 60 300x16" "kube_job_status_failed{$run} | 0 0 1x18" "kube_job_status_start_time{$run} | 120x20"
rule_test "the next one was good" ha RedisBackupFailed 30m no "$success | 60x20 1200x10" "kube_job_status_failed{$run} | 1x30" "kube_job_status_start_time{$run} | 120x30"

certificate='certmanager_certificate_expiration_timestamp_seconds{namespace="jobs",name="r1-redis-tls"}'
stored='x509_cert_not_after{secret_namespace="jobs",secret_name="r1-redis-tls",secret_key="tls.crt"}'
rule_test "a certificate with ten days left" tls RedisCertificateEnds 90m yes "$stored | 864000x90"
rule_test "a certificate with a month left" tls RedisCertificateEnds 90m no "$stored | 2592000x90"
rule_test "it was renewed" tls RedisCertificateEnds 90m no "$stored | 864000x30 2592000x60"
rule_test "cert-manager's, with two days left" tls RedisCertificateEndsNow 90m yes "$certificate | 172800x90"
rule_test "cert-manager's, with ten days left" tls RedisCertificateEndsNow 90m no "$certificate | 864000x90"

# each alert has its section in the runbook, and each section begins with a command of ours
for name in $(cat "$work"/{raibid,mirai,ha,tls}.yaml | sed -n 's/.*- alert: //p' | sort -u); do
  check "the runbook has a section for $name that begins with a command" \
    awk -v name="## $name" '$0 == name {found = 1; next} found && /^raibid-cli / {good = 1; exit} found && /^## / {exit} END {exit !good}' docs/runbook.md
done

# --- a real Prometheus ---

port() { local at; for at in $(shuf -i 20000-29999 -n 50); do if ! (exec 3<> "/dev/tcp/127.0.0.1/$at") 2>/dev/null; then echo "$at"; return; fi; done; }
start_redis() {
  redis-server --port 0 --unixsocket "$work/redis.sock" --dir "$work" --save '' --appendonly no --maxmemory 64mb --maxmemory-policy noeviction \
    --maxclients 40 > "$work/redis.log" 2>&1 &
  redis_pid=$!
  pids+=("$redis_pid")
  until redis PING > /dev/null 2>&1; do sleep 0.05; done
}
exporter_port=$(port) prometheus_port=$(port)
# minutes become seconds, so that the test need not wait for them; the rules stay the same otherwise
sed -E 's/for: .*/for: 1s/; s/\[(5m|15m|1h|6h)\]/[6s]/g; s/> 600/> 2/' "$work/raibid.yaml" > "$work/rules.yaml"
pod_port=$(port) replica_port=$(port) second_exporter=$(port) third_exporter=$(port) state_port=$(port)
cat > "$work/prometheus.yml" <<C
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yaml]
scrape_configs:
- job_name: redis
  static_configs: [{targets: ["127.0.0.1:$exporter_port"], labels: {namespace: jobs, service: r1-redis-metrics}}]
- job_name: nodes
  static_configs:
  - {targets: ["127.0.0.1:$second_exporter"], labels: {namespace: jobs, service: r2-redis-metrics, pod: r2-redis-master-0}}
  - {targets: ["127.0.0.1:$third_exporter"], labels: {namespace: jobs, service: r2-redis-metrics, pod: r2-redis-master-1}}
- job_name: kube-state-metrics
  honor_labels: true
  static_configs: [{targets: ["127.0.0.1:$state_port"]}]
C
# two nodes of another release, and what kube-state-metrics says of its backups
nodes=0
for at in "$pod_port" "$replica_port"; do
  mkdir "$work/node$nodes"
  redis-server --port "$at" --bind 127.0.0.1 --dir "$work/node$nodes" --save '' --repl-diskless-sync-delay 0 > "$work/node$nodes/log" 2>&1 &
  pids+=($!)
  nodes=$((nodes + 1))
done
until [[ $(redis-cli -p "$replica_port" REPLICAOF 127.0.0.1 "$pod_port" 2>&1) == OK* ]]; do sleep 0.05; done
prometheus-redis-exporter --redis.addr="redis://127.0.0.1:$pod_port" --web.listen-address="127.0.0.1:$second_exporter" > "$work/exporter2.log" 2>&1 &
pids+=($!)
prometheus-redis-exporter --redis.addr="redis://127.0.0.1:$replica_port" --web.listen-address="127.0.0.1:$third_exporter" > "$work/exporter3.log" 2>&1 &
pids+=($!)
mkdir "$work/state"
printf '%s\n' "kube_cronjob_status_last_successful_time{namespace=\"jobs\",cronjob=\"r2-redis-backup\"} $((EPOCHSECONDS - 100))" \
  "kube_cronjob_status_last_successful_time{namespace=\"jobs\",cronjob=\"r3-redis-backup\"} $((EPOCHSECONDS - 5))" \
  'kube_job_status_failed{namespace="jobs",job_name="r2-redis-backup-29928900"} 1' > "$work/state/metrics"
python3 -m http.server "$state_port" --bind 127.0.0.1 --directory "$work/state" > "$work/state.log" 2>&1 &
pids+=($!)
start_redis
redis XGROUP CREATE raibid:jobs raibid-workers 0 MKSTREAM > /dev/null
prometheus-redis-exporter --redis.addr="unix://$work/redis.sock" --check-single-streams=db0=raibid:jobs --check-single-keys=db0=raibid:jobs:dead \
  --web.listen-address="127.0.0.1:$exporter_port" > "$work/exporter.log" 2>&1 &
pids+=($!)
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/tsdb" --web.listen-address="127.0.0.1:$prometheus_port" > "$work/prometheus.log" 2>&1 &
pids+=($!)
query() { promtool query instant -o json "http://127.0.0.1:$prometheus_port" "$1"; }
firing() { query 'ALERTS{alertstate="firing"}' 2>/dev/null | jq -r '[.[].metric.alertname] | unique | join(" ")'; }
# becomes DESCRIPTION EXPECTED: within twenty seconds exactly these alerts fire
becomes() {
  local ends=$((SECONDS + 20)) seen
  while seen=$(firing); [[ $seen != "$2" ]]; do
    if ((SECONDS > ends)); then fail_showing "$1" "fires: $seen"; return; fi
    sleep 0.3
  done
  pass "$1"
}
until [[ $(query 'redis_up' 2>/dev/null | jq -r '.[0].value[1]') == 1 ]]; do sleep 0.2; if ((SECONDS > 60)); then break; fi; done
becomes "a healthy Redis: no alert" ""
redis XADD raibid:jobs '*' job_id 1 > /dev/null
becomes "a job waits, and nobody takes it" "RedisQueueStalled"
redis XREADGROUP GROUP raibid-workers worker COUNT 1 STREAMS raibid:jobs '>' > /dev/null
becomes "a consumer took it and hangs" "RedisConsumerStuck"
redis XACK raibid:jobs raibid-workers "$(redis XPENDING raibid:jobs raibid-workers - + 1 | sed -n 1p)" > /dev/null
becomes "it is done: no alert" ""
redis XADD raibid:jobs:dead '*' reason x > /dev/null
becomes "a dead letter" "RedisDeadLetters"
becomes "and that is told for a while only" ""
used=$(redis INFO memory | sed -n 's/^used_memory:\([0-9]*\).*/\1/p')
redis CONFIG SET maxmemory $((used * 100 / 95)) > /dev/null
becomes "memory is almost full" "RedisMemoryHigh"
redis CONFIG SET maxmemory 64mb > /dev/null
becomes "there is more memory" ""
for _ in $(seq 12); do redis XADD raibid:jobs > /dev/null 2>&1; done
becomes "commands are refused" "RedisRejectingCommands"
becomes "no longer" ""
redis EVAL "for i = 1, 11001 do redis.call('XADD', KEYS[1], '*', 'job_id', i) end" 1 raibid:jobs > /dev/null
redis XGROUP SETID raibid:jobs raibid-workers '$' > /dev/null
becomes "the stream is above its limit" "RedisStreamAboveLimit"

# every query of the dashboard returns data
redis XREADGROUP GROUP raibid-workers worker COUNT 1 STREAMS raibid:jobs '>' > /dev/null
redis XADD raibid:jobs '*' job_id 2 > /dev/null
redis XREADGROUP GROUP raibid-workers worker COUNT 1 STREAMS raibid:jobs '>' > /dev/null
"$raibid" export dashboard --plain --monitoring -n jobs --release r1-redis > "$work/dashboard.json"
answered() {
  local ends=$((SECONDS + 15)) expression=$1
  until [[ $(query "$expression" 2>/dev/null | jq length) -gt 0 ]]; do if ((SECONDS > ends)); then echo "$expression"; return 1; fi; sleep 0.3; done
}
while read -r expression; do
  expression=${expression//\$namespace/jobs}
  expression=${expression//\$service/r1-redis-metrics}
  check "the dashboard's query has data: ${expression:0:70}" answered "$expression"
done < <(jq -r '.panels[].targets[]?.expr' "$work/dashboard.json")

# of several nodes, and of backups
"$raibid" export dashboard --plain --monitoring --ha --backup-schedule '0 3 * * *' -n jobs --release r2-redis > "$work/nodes.json"
own_queries() { jq -r '.panels[].targets[]?.expr' "$work/nodes.json" | grep -vxFf <(jq -r '.panels[].targets[]?.expr' "$work/dashboard.json"); }
value_of() { query "$1" | jq -r '.[0].value[1]'; }
while read -r expression; do
  expression=${expression//\$namespace/jobs}
  expression=${expression//\$service/r2-redis-metrics}
  check "the query for nodes and backups has data: ${expression:0:70}" answered "$expression"
  case $expression in
    "time() - "*) check "… the age is that of this release" test "$(value_of "$expression" | cut -d. -f1)" -ge 100 ;;
    "count(redis_instance_info"*) check "… one master" test "$(value_of "$expression")" = 1 ;;
    "sum(redis_up"*) check "… two nodes" test "$(value_of "$expression")" = 2 ;;
    *kube_job_status_failed*) check "… one failed run" test "$(value_of "$expression")" = 1 ;;
  esac
done < <(own_queries)
check "the rows are there" test "$(own_queries | wc -l)" = 9

kill -9 "$redis_pid"
becomes "Redis is dead" "RedisDown"
start_redis
becomes "Redis is back" ""
summary
