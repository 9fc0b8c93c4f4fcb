#!/bin/bash
# Three nodes of Redis that are killed, frozen, cut off, restarted and replaced at random, while clients (tests/cluster/history.py) write down what they
# were told; then what they were promised is compared with what is there. Prints the seed, with which the same faults come again in the same order.
#   MINUTES=30 tests/cluster/history.sh                       three minutes without it
#   SEED=7 FAULTS="kill freeze" ROUNDS=100 tests/…/history.sh  only these kinds, each so often, however long it takes
#   MIB=1024 tests/cluster/history.sh                         with so much other data in Redis
# From ten minutes on it also replaces all pods one after the other, and makes one node of three, and three of one.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
. tests/support/checks.sh
namespace=${NAMESPACE:-raibid-test-history}
. tests/support/replicas.sh
minutes=${MINUTES:-3} rounds=${ROUNDS:-} seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
kinds=${FAULTS:-kill kill-all kill-replica kill-proxy freeze cut-off cut-from-nodes delete delete-now evict restart-all failover}
if [[ -z ${FAULTS:-} ]] && ((minutes >= 10)); then kinds+=" roll convert"; fi
RANDOM=$((seed % 32768))
# A subshell begins with random numbers of its own, so what is drawn is drawn here, by whoever calls: `chance=$RANDOM`
chance=0
shuffled() { printf '%s\n' "$@" | shuf --random-source=<(yes "$chance"); }

now() { python3 -c 'import time; print(time.monotonic())'; }
pods=(raibid-redis-master-{0,1,2})
node_address() { k get service "$1" -o jsonpath='{.spec.clusterIP}'; }
# The kubelet waits longer and longer before it starts a container again that was killed; a new pod has no such wait.
without_back_off() {
  k get pods -l app.kubernetes.io/name=redis -o json |
    jq -r '.items[] | select(any(.status.containerStatuses[]?; .state.waiting.reason == "CrashLoopBackOff")) | .metadata.name' | xargs -r kubectl -n "$namespace" delete pod --wait=false
}
# Of the nodes; a node that comes back after a conversion has another one
addresses() { for pod in "${pods[@]}"; do node_address "$pod"; echo; done > "$work/nodes.new" && mv "$work/nodes.new" "$work/nodes"; }
# What it saw stays in $work/status
all_healthy() { without_back_off && status > "$work/status" && jq -e '.healthy and (.nodes | length == 3)' "$work/status"; }
other_than() { shuffled "${pods[@]}" | grep -vxm 1 "$1"; }

# A program in the network of a pod, from outside: the containers have none
in_network_of() { # POD COMMAND…
  local uid
  uid=$(k get pod "$1" -o jsonpath='{.metadata.uid}')
  # shellcheck disable=SC2016 # of the other shell
  "$cluster" exec sh -c 'uid=$1; shift
    for process in /proc/[0-9]*; do
      [ "$(cat "$process/comm" 2>/dev/null)" = redis-server ] && grep -q "$uid" "$process/mountinfo" && exec nsenter --target "${process#/proc/}" --net "$@"
    done; exit 1' sh "$uid" "${@:2}"
}
# -A adds the rules, -D takes these away again
cut_off() { in_network_of "$2" sh -c 'iptables "$1" INPUT ! -i lo -j DROP && iptables "$1" OUTPUT ! -o lo -j DROP' sh "$1"; }
cut_from_nodes() { # -A|-D POD: its clients and proxies still reach it
  local pod
  if [[ $1 == -A ]]; then
    peers=$(for pod in "${pods[@]}"; do [[ $pod == "$2" ]] || { k get pod "$pod" -o jsonpath='{.status.podIP} ' && node_address "$pod" && echo; }; done)
  fi
  # shellcheck disable=SC2086 # a list
  in_network_of "$2" sh -c 'how=$1; shift
    for peer; do iptables "$how" INPUT -s "$peer" -j DROP && iptables "$how" OUTPUT -d "$peer" -j DROP || exit; done' sh "$1" $peers
}
for_a_while() { sleep "$((chance % 8 + 7)).$((chance / 8 % 10))"; }

goes_on() { signal_server CONT "$1" || echo "its probe ended it"; }

uids() { k get pods -l app.kubernetes.io/name=redis -o jsonpath='{range .items[*]}{.metadata.uid}{"\n"}{end}'; }
none_of() { local now; now=$(uids) && [[ -z $(grep -xF "$1" <<< "$now") ]]; }
# Waits until these very pods are gone. `kubectl delete` can miss that when a pod of the same name comes at once.
delete_pods() {
  local before
  before=$(for pod in "$@"; do k get pod "$pod" -o jsonpath='{.metadata.uid}{"\n"}'; done) || return
  k delete pod --wait=false "$@" && eventually none_of "$before"
}
evict() {
  printf '{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"%s","namespace":"%s"}}' "$1" "$namespace" |
    kubectl create --raw "/api/v1/namespaces/$namespace/pods/$1/eviction" -f -
}
took_effect() { now > "$work/effective"; }
fault() { # KIND
  local master pod
  master=$(jq -r .master "$work/status")
  case $1 in
    kill) signal_server KILL "$master" ;;
    kill-all) for pod in "${pods[@]}"; do signal_server KILL "$pod" & done; wait -n; wait -n; wait -n ;;
    kill-replica) signal_server KILL "$(other_than "$master")" ;;
    kill-proxy) k delete --wait=false "$(k get pods -l app.kubernetes.io/component=proxy -o name | head -n 1)" ;;
    freeze) signal_server STOP "$master" && took_effect && for_a_while && goes_on "$master" ;;
    cut-off | cut-from-nodes) "${1//-/_}" -A "$master" && took_effect && for_a_while && "${1//-/_}" -D "$master" ;;
    delete) delete_pods "$master" ;;
    delete-now) k delete pod "$master" --force ;;
    evict) evict "$master" ;;
    restart-all) delete_pods "${pods[@]}" ;;
    failover) raibid failover redis --yes ;;
    roll) k rollout restart statefulset/raibid-redis-master && k rollout status statefulset/raibid-redis-master --timeout=5m ;;
    convert) raibid setup redis --ha=false --yes && raibid setup redis --ha --yes ;;
    *) echo "no such fault: $1"; return 1 ;;
  esac
}
round() { # KIND
  local start end output
  rm -f "$work/effective"
  chance=$RANDOM
  start=$(now)
  output=$(fault "$1" 2>&1) || { fail_showing "fault $1" "$output"; return 1; }
  end=$(now)
  [[ -f $work/effective ]] || echo "$end" > "$work/effective"
  echo "$start $(< "$work/effective") $end $1" >> "$work/faults"
  if [[ $1 == convert ]]; then addresses; fi
  eventually all_healthy > "$work/unwell" 2>&1 || { fail_showing "after $1 at $start all is well again within a minute" "$(raibid status redis)"; return 1; }
  sleep "$((RANDOM % 3)).$((RANDOM % 10))"
}
# All kinds in an order of chance, and again
run_faults() {
  local end=$((SECONDS + minutes * 60)) kind count=0
  while [[ ! $rounds || $count -lt $rounds ]]; do
    chance=$RANDOM
    # shellcheck disable=SC2086 # a list
    for kind in $(shuffled $kinds); do
      if [[ ! $rounds ]] && ((SECONDS >= end)); then return; fi
      round "$kind" || return
    done
    count=$((count + 1))
  done
}

echo "seed $seed"
check "the model sees each broken promise" python3 tests/cluster/history.py selftest
mib=${MIB:-0}
patience=$((60 + mib / 4)) # a replica that is new is sent everything
# 64 KiB each, of bytes that do not compress; 4 MiB at a time, so that Redis answers everyone meanwhile
fill() {
  # shellcheck disable=SC2016 # of the other shell
  "$cluster" exec sh -c 'REDISCLI_AUTH=$(cat "$1") && export REDISCLI_AUTH || exit
    i=0
    add() { redis-cli -e -h "$2" EVAL "$3" 0 "$i" > /dev/null; }
    while [ "$i" -lt "$4" ]; do add "$@" || { sleep 2; add "$@"; } || exit; i=$((i + 4)); done' sh "$work/password" "$ip" '
    local parts = {}
    for i = 1, 256 do local b = {} for j = 1, 256 do b[j] = string.char(math.random(0, 255)) end parts[i] = table.concat(b) end
    local text = table.concat(parts)
    for i = 1, 64 do redis.call("SET", "other:" .. ARGV[1] .. ":" .. i, text) end' "$mib"
}
check "setup --ha" raibid setup redis --ha --size 4Gi --memory-limit "$((mib * 3 + 256))Mi"
((failed == 0)) || { summary; exit 1; }
take_password
if ((mib > 0)); then
  check "$mib MiB of other data" fill
  check "the replicas have them" eventually healthy
fi
: > "$work/faults"
addresses
check "all is well" eventually all_healthy
jq -n --arg address "$ip" --argjson seed "$seed" '{address: $address, seed: $seed, rate: 40}' > "$work/settings"
"$cluster" exec python3 "$PWD/tests/cluster/history.py" record "$work" > "$work/history" 2> "$work/recorder" & recorder=$!
sleep 1; kill -0 $recorder 2>/dev/null && run_faults
touch "$work/stop"
wait $recorder && pass "the clients end" || fail_showing "the clients end" "$(tail -n 20 "$work/recorder")"
verdict=$("$cluster" exec python3 "$PWD/tests/cluster/history.py" check "$work" 2>&1) && pass "what was promised is so: $verdict" ||
  fail_showing "what was promised is so (seed $seed)" "$verdict"
jq -r '."writes waited" | to_entries[] | "         | \(.key), \(.value.times) times: writes waited for \(.value.median) s, at most \(.value.worst) s"' <<< "$verdict"
echo "faults: $(awk '{print $4}' "$work/faults" | sort | uniq -c | awk '{printf "%s%s %s", (NR > 1 ? ", " : ""), $1, $2}')"
if [[ ${KEEP:-} ]]; then cp "$work/history" "$work/faults" "$KEEP"; fi
check "teardown" raibid teardown redis --delete-data --yes
summary
