# shellcheck shell=bash
# Sourced by the scripts that let clients write to a Redis of several nodes while something happens to it. They set namespace, cluster, cli and work.

k() { kubectl -n "$namespace" "$@"; }
raibid() { "$cli" "$@" -n "$namespace"; }
status() { raibid status redis -o json; }
master() { status | jq -r .master; }
healthy() { raibid status redis; }
eventually() { # within two minutes
  local output end=$((SECONDS + 120))
  while ((SECONDS < end)); do output=$("$@" 2>&1) && return; sleep 0.3; done
  echo "$output"
  return 1
}
address() { k get service raibid-redis-master -o jsonpath='{.spec.clusterIP}'; }
save_password() { # for the clients
  k get secret raibid-redis -o jsonpath='{.data.redis-password}' | base64 -d > "$work/password"
  chmod 600 "$work/password"
}
client() { "$cluster" exec python3 "$PWD/tests/cluster/writer.py" "$@"; }
start_writers() { rm -f "$work/stop"*; client write "$ip" 6379 "$work/password" "$work/stop" > "$work/written" & writers=$!; sleep 1; }
stop_writers() { touch "$work/stop"; wait "$writers"; }
written() { [[ $(jq "$1" "$work/written") == true ]]; }
# event WHAT COMMAND…: with clients at work, until all is well again; the outage is the longest time without an acknowledged write
event() {
  local what=$1 before
  before=$(master)
  start_writers
  "${@:2}" "$before" > "$work/event" 2>&1 || fail_showing "$what" "$(cat "$work/event")"
  check "$what: all is well again" eventually healthy
  stop_writers
  nothing_lost "$what: no acknowledged entry is lost" "$ip"
  check "$what: writes went on after $(jq '.gaps[0]' "$work/written") s" written ".gaps[0] < 30"
}
nothing_lost() { # DESCRIPTION ADDRESS
  client check "$2" 6379 "$work/password" < "$work/written" > "$work/checked"
  check "$1 ($(jq -c . "$work/checked"))" test "$(jq '.lost == 0 and .acknowledged > 100' "$work/checked")" = true
}
moved() { [[ $(master) != "$1" ]]; }
