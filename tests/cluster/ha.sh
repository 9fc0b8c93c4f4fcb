#!/bin/bash
# A Redis of three nodes on a real cluster, while four clients add to a stream through its one address: the master's pod is deleted, its server is
# killed, its role is handed over, and nothing that was acknowledged may be lost. Outages are printed. The clients run in the test cluster's network
# (RAIBID_CLUSTER), so it needs that cluster, and python3.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
. tests/support/checks.sh
namespace=raibid-test-ha
. tests/support/replicas.sh

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
moved() { [[ $(master) != "$1" ]]; }
delete_pod() { k delete pod "$1"; eventually moved "$1"; }
kill_server() { signal_server KILL "$1"; }
handed_over() { raibid failover redis --yes; }
handed_to_first() { raibid failover redis --to 0 --yes -o json; }
lists_all_nodes() {
  status | jq -e '.healthy and (.nodes | length == 3 and all(.reached)) and (.sentinels | length == 3 and all(.quorum)) and
    (.proxies | length == 2 and all(.leads_to_master)) and .pod.name == .master and .claim.name == "redis-data-" + .master'
}
asks_sentinel() {
  local group node
  raibid export env --sentinel --with-password -o json > "$work/env" || return
  jq -r .REDIS_SENTINEL_PASSWORD "$work/env" > "$work/sentinel-password"
  chmod 644 "$work/sentinel-password"
  group=$(jq -r .REDIS_SENTINEL_MASTER "$work/env")
  [[ $(jq -r .REDIS_SENTINELS "$work/env") == raibid-redis.$namespace.svc.cluster.local:26379 ]] || return
  # shellcheck disable=SC2016 # of the other shell
  node=$("$cluster" exec sh -c 'REDISCLI_AUTH=$(cat "$1") redis-cli -h "$2" -p 26379 SENTINEL GET-MASTER-ADDR-BY-NAME "$3"' sh \
    "$work/sentinel-password" "$(k get service raibid-redis -o jsonpath='{.spec.clusterIP}')" "$group" | head -n 1)
  [[ $node == "$(k get service "$(master)" -o jsonpath='{.spec.clusterIP}')" ]]
}
syncs() { raibid connect redis -- redis-cli INFO stats | tr -d '\r' | grep '^sync_'; }
rotate_all() {
  start_writers
  raibid credentials rotate redis && take_password && raibid credentials rotate redis --finish --yes &&
    raibid credentials rotate redis --internal && raibid credentials rotate redis --internal --finish
  local code=$?
  stop_writers
  return "$code"
}
check "setup --ha" raibid setup redis --ha --size 100Mi
take_password
syncs_before=$(syncs)
check "status knows three nodes, three sentinels, two proxies" lists_all_nodes
check "a second setup changes nothing" bash -c "'$cli' setup redis -n $namespace 2>/dev/null | grep 'Nothing changed'"
check "no password of the nodes is in a ConfigMap, a pod or a command line" bash -c "
  password=\$(kubectl -n $namespace get secret raibid-redis -o jsonpath='{.data.internal-password}' | base64 -d)
  [[ \${#password} == 32 ]] && ! kubectl -n $namespace get configmap,pod,statefulset,deployment -o yaml | grep -F \"\$password\" && ! grep -aFl \"\$password\" /proc/[0-9]*/cmdline"
check "all passwords are changed under load, those of the nodes as well" rotate_all
check "… no command of a client has failed ($(jq -c .failures "$work/written"))" written '.failed == 0'
check "… no replica has lost its master" test "$(syncs)" = "$syncs_before"
check "… and all is well" healthy
nothing_lost "… no acknowledged entry is lost" "$ip"
event "the master's pod is deleted" delete_pod
event "the master is killed" kill_server
event "failover redis" handed_over
event "failover redis --to 0" handed_to_first
check "… it is node 0 now" bash -c "[[ \$('$cli' status redis -n $namespace -o json | jq -r .master) == raibid-redis-master-0 ]]"
check "connect leads to the master" bash -c "'$cli' connect redis -n $namespace -- redis-cli ROLE | head -n 1 | grep -x master"
check "a client that asks Sentinel, with what export env --sentinel gives, finds the master" asks_sentinel
check "smoke" raibid smoke redis
check "teardown keeps all claims" raibid teardown redis --yes
check "… three of them" test "$(claims)" = 3
check "setup takes the data up again, with all nodes" raibid setup redis
nothing_lost "… nothing is lost, though every address is another one" "$(address)"
check "teardown takes all claims" raibid teardown redis --delete-data --yes
check "… and the namespace" eventually bash -c "! kubectl get namespace $namespace"
summary
