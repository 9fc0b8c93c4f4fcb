# For scripts that try a Redis with replicas on the test cluster, with clients that write all the time (tests/cluster/writer.py). Sourced after
# checks.sh, with $namespace set; ends the script where there is no such cluster.
cluster=$(realpath "${RAIBID_CLUSTER:-tests/cluster/cluster}")
cli=$(realpath "${RAIBID_CLI:-build/raibid-cli}")
tools=${RAIBID_TOOLS:-/var/tmp/raibid-tools}
work=$(mktemp -d)
chmod 755 "$work"
finish() {
  touch "$work/stop"
  kubectl delete namespace "$namespace" --ignore-not-found --wait=false >/dev/null
  rm -rf "$work"
}

[[ -n ${RAIBID_TEST_KUBECONFIG:-} ]] || { skip "replicas on a cluster (RAIBID_TEST_KUBECONFIG is not set)"; summary; exit; }
command -v python3 >/dev/null || { skip "replicas on a cluster (no python3)"; summary; exit; }
"$cluster" exec true 2>/dev/null || { skip "replicas on a cluster (it is not the test cluster)"; summary; exit; }
export KUBECONFIG=$RAIBID_TEST_KUBECONFIG RAIBID_HOME=$work/home RAIBID_IMAGE=redis:7-alpine RAIBID_EXPORTER_IMAGE=oliver006/redis_exporter:v1.45.0 \
  RAIBID_PROXY_IMAGE=haproxy:2.6
PATH=$PATH:$tools/kubernetes
trap finish EXIT

k() { kubectl -n "$namespace" "$@"; }
raibid() { "$cli" "$@" -n "$namespace"; }
status() { raibid status redis -o json; }
master() { status | jq -r .master; }
healthy() { raibid status redis; }
eventually() { # within a minute, or $patience seconds
  local output end=$((SECONDS + ${patience:-60}))
  while ((SECONDS < end)); do output=$("$@" 2>&1) && return; sleep 0.3; done
  echo "$output"
  return 1
}
address() { k get service raibid-redis-master -o jsonpath='{.spec.clusterIP}'; }
take_password() {
  k get secret raibid-redis -o jsonpath='{.data.redis-password}' | base64 -d > "$work/password.new"
  chmod 600 "$work/password.new"
  mv "$work/password.new" "$work/password" # whoever reads it meanwhile has one or the other
  ip=$(address)
}
client() { "$cluster" exec python3 "$PWD/tests/cluster/writer.py" "$@"; }
start_writers() { rm -f "$work/stop"*; client write "$ip" 6379 "$work/password" "$work/stop" > "$work/written" & writers=$!; sleep 1; }
stop_writers() { touch "$work/stop"; wait "$writers"; }
written() { [[ $(jq "$1" "$work/written") == true ]]; }
nothing_lost() { # DESCRIPTION ADDRESS [so many may be lost]
  client check "$2" 6379 "$work/password" < "$work/written" > "$work/checked"
  check "$1 ($(jq -c . "$work/checked"))" test "$(jq --argjson most "${3:-0}" '.lost <= $most and .acknowledged > 100' "$work/checked")" = true
}
# A signal to the server of a pod from outside its container, which has no program for it that PID 1 would heed; not to the sentinel, which is the
# same program
signal_server() { # SIGNAL POD
  local uid
  uid=$(k get pod "$2" -o jsonpath='{.metadata.uid}')
  # shellcheck disable=SC2016 # of the other shell
  "$cluster" exec sh -c 'for process in /proc/[0-9]*; do
      [ "$(cat "$process/comm" 2>/dev/null)" = redis-server ] || continue
      grep -q "$1" "$process/mountinfo" && ! grep -q sentinel "$process/cmdline" && kill "-$2" "${process#/proc/}" && sent=1
    done; [ "$sent" ]' sh "$uid" "$1"
}
refuses() { raibid "${@:2}"; (($? == $1)); }
claims() { k get pvc -o name 2>/dev/null | wc -l; }
