#!/bin/bash
# A Redis of three nodes on a real cluster, while four clients add to a stream through its one address: the master's pod is deleted, its server is
# killed, its role is handed over, and nothing that was acknowledged may be lost. Outages are printed. The clients run in the test cluster's network
# (RAIBID_CLUSTER), so it needs that cluster, and python3.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
. tests/support/checks.sh
namespace=raibid-test-ha
. tests/support/replicas.sh

# event MAY_LOSE WHAT COMMAND…: with clients at work, until all is well again; the outage is the longest time without an acknowledged write
event() {
  local may_lose=$1 what=$2 before
  before=$(master)
  start_writers
  "${@:3}" "$before" > "$work/event" 2>&1 || fail_showing "$what" "$(cat "$work/event")"
  check "$what: all is well again" eventually healthy
  stop_writers
  nothing_lost "$what: no acknowledged entry is lost" "$ip" "$may_lose"
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
syncs() { "$cli" connect redis -n "$namespace" -- redis-cli INFO stats | tr -d '\r' | grep '^sync_'; }
rotate_all() {
  start_writers
  raibid credentials rotate redis && take_password && raibid credentials rotate redis --finish --yes &&
    raibid credentials rotate redis --internal && raibid credentials rotate redis --internal --finish
  local code=$?
  stop_writers
  return "$code"
}
# A secret store keeps the password in a Secret of its own: it is taken over from there, and once more when the store changes it
store_another() {
  head -c 24 /dev/urandom | base64 | tr -d '\n/+=' > "$work/stored"
  kubectl create secret generic store --from-file=password="$work/stored" --dry-run=client -o yaml | k apply -f -
}
take_from_store() {
  start_writers
  store_another && raibid setup redis --existing-secret store/password && take_password && cmp "$work/stored" "$work/password" &&
    raibid credentials sync redis --finish --yes && store_another && raibid credentials sync redis && take_password && cmp "$work/stored" "$work/password" &&
    raibid credentials sync redis --finish --yes
  local code=$?
  stop_writers
  return "$code"
}
one_password_everywhere() { # of the application, in each node and each sentinel
  local node port
  for node in 0 1 2; do
    for port in 6379 26379; do
      # shellcheck disable=SC2016 # of the other shell
      [[ $("$cluster" exec sh -c 'REDISCLI_AUTH=$(cat "$1") redis-cli -h "$2" -p "$3" PING' sh "$work/password" \
        "$(k get service "raibid-redis-master-$node" -o jsonpath='{.spec.clusterIP}')" "$port") == PONG ]] || { echo "node $node, port $port"; return 1; }
    done
  done
}
check "setup --ha" raibid setup redis --ha --size 100Mi
take_password
syncs_before=$(syncs)
check "status knows three nodes, three sentinels, two proxies" lists_all_nodes
has_periods() { # POD: of its sentinel
  k exec "$1" -c sentinel -- sh -c '{ printf "AUTH sentinel "; cat /etc/redis/internal-password; printf "\nSENTINEL DEBUG\n"; } | redis-cli -p 26379' |
    paste -sd' ' | grep 'INFO-PERIOD 2000 .*MIN-LINK-RECONNECT-PERIOD 3000 '
}
for pod in raibid-redis-master-{0,1,2}; do check "the sentinel of $pod closes a dead connection after three seconds" eventually has_periods "$pod"; done
check "setup says that all pods run on one node of the cluster" bash -c "'$cli' setup redis -n $namespace -o json | jq -e '.advice | any(.name == \"one-node\")'"
check "doctor says it, too, and who is the master, and whether a pod may be drained" bash -c "'$cli' doctor redis -n $namespace -o json |
  jq -e '[.checks[] | select(.passed) | .id] | contains([\"master\", \"replica\", \"sentinels\", \"address\", \"spread\", \"budget\"])'"
check "a second setup changes nothing" bash -c "'$cli' setup redis -n $namespace 2>/dev/null | grep 'Nothing changed'"
check "no password of the nodes is in a ConfigMap, a pod or a command line" bash -c "
  password=\$(kubectl -n $namespace get secret raibid-redis -o jsonpath='{.data.internal-password}' | base64 -d)
  [[ \${#password} == 32 ]] && ! kubectl -n $namespace get configmap,pod,statefulset,deployment -o yaml | grep -F \"\$password\" && ! grep -aFl \"\$password\" /proc/[0-9]*/cmdline"
check "all passwords are changed under load, those of the nodes as well" rotate_all
check "… no command of a client has failed ($(jq -c .failures "$work/written"))" written '.failed == 0'
check "… no replica has lost its master" bash -c "[[ '$syncs_before' == *sync_full:2* && '$(syncs)' == '$syncs_before' ]]"
check "… and all is well" healthy
nothing_lost "… no acknowledged entry is lost" "$ip"
check "a store's password is taken over by all nodes, twice, under load" take_from_store
check "… no command of a client has failed ($(jq -c .failures "$work/written"))" written '.failed == 0'
check "… every node and every sentinel lets in who has the store's password" one_password_everywhere
check "… and status says that it is the store's" bash -c "'$cli' status redis -n $namespace | grep 'Secret store/password has the password of Redis'"
event 0 "the master's pod is deleted" delete_pod
# without WAIT: Redis answers a client just before it sends the write to its replicas, so each of the four clients may lose the last one
event 4 "the master is killed" kill_server
event 0 "failover redis" handed_over
event 0 "failover redis --to 0" handed_to_first
check "… it is node 0 now" bash -c "[[ \$('$cli' status redis -n $namespace -o json | jq -r .master) == raibid-redis-master-0 ]]"
check "connect leads to the master" bash -c "'$cli' connect redis -n $namespace -- redis-cli ROLE | head -n 1 | grep -x master"
check "a client that asks Sentinel, with what export env --sentinel gives, finds the master" asks_sentinel
check "smoke" raibid smoke redis
check "teardown keeps all claims" raibid teardown redis --yes
check "… three of them" test "$(claims)" = 3
check "setup takes the data up again, with all nodes" raibid setup redis
nothing_lost "… nothing is lost, though every address is another one" "$(address)"
k delete secret store > /dev/null
check "teardown takes all claims" raibid teardown redis --delete-data --yes
check "… and the namespace" eventually bash -c "! kubectl get namespace $namespace"
summary
