#!/bin/bash
# A Redis of one node becomes one of three, and that one of one again, on a real cluster, while four clients add to a stream: nothing that was
# acknowledged may be lost. Outages are printed. With ROUNDS, the same with a setup that is killed (SIGKILL) in a step, also between three nodes and
# five: the next run finishes the way back, or forward, and where only another node has everything all nodes stay (exit code 5).
# Without anything it kills none, which takes a minute.
#   ROUNDS="join handover …": in these steps; ROUNDS=all: in each, about fifteen minutes
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
. tests/support/checks.sh
namespace=raibid-test-convert
. tests/support/replicas.sh
rounds=${ROUNDS:-}
if [[ $rounds == all ]]; then rounds="users join handover release redis nodes stuck one:handover one:sentinels one:release one:redis one:claims \
  more:release more:redis more:nodes fewer:handover fewer:release fewer:redis fewer:nodes fewer:claims teardown"; fi

nodes() { status | jq 'if .nodes then (.nodes | length) else 1 end'; }
has_nodes() { [[ $(nodes) == "$1" ]]; }
only_pod() { [[ $(k get pods -l app.kubernetes.io/name=redis -o name) == pod/raibid-redis-master-0 ]]; }
# As it was before there were several, for a node that stays: nothing of them is left
one_node_alone() {
  has_nodes 1 && healthy && only_pod && [[ $(claims) == 1 ]] || return
  ! k get secret raibid-redis -o json | jq -e '.data["internal-password"] // .data["previous-users"]' || return
  ! "$cli" connect redis -n "$namespace" -- redis-cli ACL LIST | grep -E '^user (replica|sentinel) ' || return
  ! k get services,deployments -o name | grep -E 'master-[0-9]|proxy' || return
  [[ $("$cli" connect redis -n "$namespace" -- redis-cli CONFIG GET masterauth min-replicas-to-write replica-announce-ip | paste -sd' ') == *"min-replicas-to-write 0"* ]]
}
several_nodes() { has_nodes "$1" && healthy > /dev/null && [[ $(claims) == "$1" && $(k get pods -l app.kubernetes.io/component=master -o name | wc -l) == "$1" ]]; }
three_nodes() { several_nodes 3; }
change() { # DESCRIPTION setup's options…: with clients at work; the outage in seconds
  start_writers
  check "$1" raibid setup redis --yes "${@:2}"
  stop_writers
  nothing_lost "$1: no acknowledged entry is lost" "$ip"
  check "$1: writes went on after $(jq '.gaps[0]' "$work/written") s" written ".gaps[0] < 30"
}
# Kills a setup when it says that it has begun this step: its first word of it, or the end of the step before
kill_in() { # STEP STEP-BEFORE setup's options…
  local step=$1 before=$2 setup line
  : > "$work/killed"
  "$cli" setup redis --yes -n "$namespace" "${@:3}" > "$work/killed" 2>&1 & # not the function: its shell would be killed in its place
  setup=$!
  for _ in {1..600}; do
    grep -qE "^(waiting: $step:|ok: $before:|unchanged: $before:)" "$work/killed" && break
    kill -0 $setup 2>/dev/null || break
    sleep 0.1
  done
  [[ $step == claims || ${at_once:-} ]] || sleep "0.$((RANDOM % 9))" # somewhere in it
  kill -KILL $setup 2>/dev/null || echo "  it had ended before"
  wait $setup 2>/dev/null
  line=$(grep -vE '^(note|warning|kept)' "$work/killed" | tail -n 1)
  echo "  killed after: $line"
}
killed_on_the_way_up() { # STEP STEP-BEFORE
  start_writers
  kill_in "$1" "$2" --ha
  check "killed in $1: the next run goes back to one node" raibid setup redis --yes --ha=false
  stop_writers
  nothing_lost "killed in $1: no acknowledged entry is lost" "$ip"
  check "killed in $1: nothing of the other nodes is left" eventually one_node_alone
}
killed_on_the_way_down() { # STEP STEP-BEFORE
  prepared 3
  start_writers
  kill_in "$1" "$2" --ha=false
  check "killed in $1 on the way to one node: the next run goes on" raibid setup redis --yes --ha=false
  stop_writers
  nothing_lost "killed in $1 on the way to one node: no acknowledged entry is lost" "$ip"
  check "killed in $1 on the way to one node: nothing of the other nodes is left" eventually one_node_alone
}
prepared() { # NODES
  several_nodes "$1" || raibid setup redis --yes --ha --replicas $(($1 - 1)) > "$work/again" 2>&1 || fail_showing "$1 nodes again" "$(cat "$work/again")"
}
killed_between() { # FROM TO STEP STEP-BEFORE: the next run is told to have three nodes again
  prepared "$1"
  start_writers
  kill_in "$3" "$4" --ha --replicas $(($2 - 1))
  check "killed in $3 from $1 nodes to $2: the next run makes three" raibid setup redis --yes --ha --replicas 2
  stop_writers
  nothing_lost "killed in $3 from $1 nodes to $2: no acknowledged entry is lost" "$ip"
  check "killed in $3 from $1 nodes to $2: three nodes, and three claims" eventually three_nodes
}
said() { grep -q "$1" "$work/stuck" || { cat "$work/stuck"; return 1; }; }
# Node 1 is the master, and node 0, which would have to take over, does not answer
stuck() {
  start_writers
  at_once=yes kill_in release handover --ha
  signal_server STOP raibid-redis-master-0
  raibid setup redis --yes --ha=false > "$work/stuck" 2>&1
  check "no way back to older data: exit code 5" test $? = 5
  check "… it says which node has the data" said 'raibid-redis-master-1 may have newer data and cannot hand it over to raibid-redis-master-0'
  signal_server CONT raibid-redis-master-0
  eventually k wait --for=condition=Ready pod/raibid-redis-master-0 --timeout=5s > /dev/null
  check "… once node 0 is back, the next run goes back to one node" raibid setup redis --yes --ha=false
  stop_writers
  nothing_lost "… no acknowledged entry is lost" "$ip"
  check "… nothing of the other nodes is left" eventually one_node_alone
}

# Whatever node is the master: claim 0 has everything afterwards
torn_down() {
  prepared 3
  [[ $(master) != raibid-redis-master-0 ]] || raibid failover redis --yes > "$work/again" 2>&1
  start_writers
  sleep 2
  stop_writers
  check "teardown with another master than node 0" raibid teardown redis --yes
  check "… setup takes the data up" raibid setup redis
  check "… node 0 is the master, as teardown left it" test "$(master)" = raibid-redis-master-0
  nothing_lost "… nothing is lost" "$(address)"
  ip=$(address)
  check "… one node again" raibid setup redis --yes --ha=false
}

check "setup, one node" raibid setup redis --size 100Mi
take_password
change "one node becomes three" --ha
check "… three nodes" three_nodes
change "three nodes become one" --ha=false
check "… nothing of the other nodes is left" one_node_alone
for round in $rounds; do
  case $round in
    users) killed_on_the_way_up users password ;;
    join) killed_on_the_way_up join users ;;
    handover) killed_on_the_way_up handover join ;;
    release) killed_on_the_way_up release handover ;;
    redis) killed_on_the_way_up redis release ;;
    nodes) killed_on_the_way_up nodes redis ;;
    stuck) stuck ;;
    teardown) torn_down ;;
    one:handover) killed_on_the_way_down handover password ;;
    one:sentinels) killed_on_the_way_down sentinels handover ;;
    one:release) killed_on_the_way_down release sentinels ;;
    one:redis) killed_on_the_way_down redis release ;;
    one:claims) killed_on_the_way_down claims credentials ;;
    more:release) killed_between 3 5 release password ;;
    more:redis) killed_between 3 5 redis release ;;
    more:nodes) killed_between 3 5 nodes redis ;;
    fewer:handover) killed_between 5 3 handover password ;;
    fewer:release) killed_between 5 3 release handover ;;
    fewer:redis) killed_between 5 3 redis release ;;
    fewer:nodes) killed_between 5 3 nodes redis ;;
    fewer:claims) killed_between 5 3 claims credentials ;;
  esac
done
check "teardown takes everything" raibid teardown redis --delete-data --yes
summary
