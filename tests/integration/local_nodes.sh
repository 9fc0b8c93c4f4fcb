#!/bin/bash
# Several nodes on this machine (`setup redis --target local --ha`), with real servers, sentinels and HAProxy: set up, handed over, killed, backed
# up and restored, with other passwords, with TLS, removed. RAIBID_CLI: the program.
set -uo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
. tests/support/checks.sh
cli=$(realpath "${RAIBID_CLI:-build/raibid-cli}")
work=$(mktemp -d)
export RAIBID_HOME=$work/home
instance=$RAIBID_HOME/local/raibid-redis
finish() {
  raibid teardown redis --yes --delete-data >/dev/null 2>&1
  rm -rf "$work"
}
trap finish EXIT
raibid() { timeout 120 "$cli" "$@" --target local; }

for needed in jq redis-server redis-cli; do
  command -v $needed >/dev/null || { skip "several nodes on this machine (no $needed)"; summary; exit; }
done
if ! command -v haproxy >/dev/null && ! [[ -x /usr/sbin/haproxy ]]; then skip "several nodes on this machine (no haproxy)"; summary; exit; fi

eventually() { # within a minute
  local output end=$((SECONDS + 60))
  while ((SECONDS < end)); do output=$("$@" 2>&1) && return; sleep 0.1; done
  echo "$output"
  return 1
}
exits() { local code=0; "${@:2}" || code=$?; ((code == $1)) || { echo "exit code $code"; return 1; }; }
processes() { # that work in folders of this home
  local one
  for one in /proc/[0-9]*; do [[ $(readlink "$one/cwd") != "$work/home/local/"* ]] || echo "${one#/proc/}"; done
}
process_count() { [[ $(processes | wc -l) == "$1" ]]; }
kept() { raibid status redis -o json > "$work/status"; }
says() { kept; jq -e "$1" "$work/status" >/dev/null || { cat "$work/status"; return 1; }; }
master() { kept; jq -r .master "$work/status"; }
encrypted=()
redis() {
  local file=$RAIBID_HOME/redis-credentials.json
  REDISCLI_AUTH=$(jq -r .password "$file") timeout 3 redis-cli "${encrypted[@]}" -p "$(jq -r .port "$file")" "$@" 2>&1
}
adds() { [[ $(redis xadd raibid:jobs '*' n "$1") == *-* ]]; }
holds() { local now; now=$(redis xlen raibid:jobs); [[ $now == "$1" ]] || { echo "$now"; return 1; }; }
server_of() { cat "$instance/nodes/${1##*-}/redis.pid"; }
nodes_say() { # COMMAND…: each node by itself, as raibid-cli's user
  local i
  for i in 0 1 2; do REDISCLI_AUTH=$(cat "$instance/password") redis-cli -s "$instance/nodes/$i/data/redis.sock" "$@"; done
}
one_master() { [[ $(nodes_say role | grep -c '^master$') == 1 ]]; }

lives() {
  check "three nodes are set up" raibid setup redis --ha
  check "… healthy: three servers, three sentinels, the proxy" says '.healthy and (.nodes | length) == 3 and (.sentinels | length) == 3 and .master == "raibid-redis-0"'
  check "… which are seven processes" process_count 7
  check "… and the address leads to the master" adds 1
  check "a second setup changes nothing" unchanged
  check "clients that ask Sentinel find it here" sentinels_named
  check "smoke passes" raibid smoke redis
  check "the number of nodes is not changed in place" exits 3 raibid setup redis --ha --replicas 4
  check "… nor is one made of several" exits 3 raibid setup redis --ha=false
  check "a change that CONFIG SET does not take is refused" exits 3 raibid setup redis --no-auth --yes
  check "one that it takes is made everywhere" raibid setup redis --memory-limit 256Mi --memory-request 128Mi
  check "… by each node" same_everywhere
  check "what is pending and added is counted by the address" raibid queue stats
}
unchanged() { raibid setup redis | grep -q "Nothing changed"; }
sentinels_named() { # and they answer
  local line
  line=$(raibid export env --sentinel --with-password | grep REDIS_SENTINELS) || return
  [[ $line == *127.0.0.1:*,127.0.0.2:*,127.0.0.3:* ]] || { echo "$line"; return 1; }
}
same_everywhere() { [[ $(nodes_say config get maxmemory | grep -c '^[0-9]') == 3 && $(nodes_say config get maxmemory | grep '^[0-9]' | sort -u | wc -l) == 1 ]]; }

hands_over() {
  rm -f "$work/stop" "$work/acknowledged"
  writes & local writer=$!
  eventually test -s "$work/acknowledged"
  check "failover redis, while somebody writes" raibid failover redis --yes
  eventually writes_go_on || fail "writes go on after the handover"
  touch "$work/stop"; wait $writer
  check "… loses nothing that was acknowledged" nothing_lost
  local now; now=$(master)
  check "… another node is the master ($now)" says '.healthy and .master != "raibid-redis-0"'
  check "… and the address leads there" adds 2
  check "it is the master already: nothing to do" raibid failover redis --to "${now##*-}"
  check "there is no node 3" exits 2 raibid failover redis --to 3 --yes
  kill -KILL "$(server_of "$now")"
  check "the master is killed: the address answers again" eventually adds 3
  check "… with everything that was acknowledged" holds 3
  check "… and status says what does not run" exits 1 raibid status redis
  check "setup starts it again" raibid setup redis
  check "… as a replica" says ".healthy and .master != \"$now\""
  check "… with one master" one_master
}

writes() { # one after the other, and keeps the IDs that were acknowledged
  local id port password
  port=$(jq -r .port "$RAIBID_HOME/redis-credentials.json") password=$(jq -r .password "$RAIBID_HOME/redis-credentials.json")
  until [[ -e $work/stop ]]; do
    id=$(REDISCLI_AUTH=$password timeout 3 redis-cli -p "$port" xadd written '*' n 1 2>&1)
    if [[ $id == *-* && $id != *' '* ]]; then echo "$id" >> "$work/acknowledged"; fi
  done
}
writes_go_on() { local before; before=$(wc -l < "$work/acknowledged"); sleep 0.2; (($(wc -l < "$work/acknowledged") > before + 1)); }
nothing_lost() {
  local lost
  lost=$(comm -23 <(sort "$work/acknowledged") <(redis --raw xrange written - + | grep -E '^[0-9]+-[0-9]+$' | sort))
  [[ -z $lost ]] || { echo "lost: $lost, of $(wc -l < "$work/acknowledged")"; return 1; }
}

all_are_killed() {
  local now; now=$(master)
  # shellcheck disable=SC2046
  kill -KILL $(processes)
  eventually process_count 0 || fail "all are gone"
  check "all are killed: status says so" stopped
  check "setup starts them" raibid setup redis
  check "… with the last master, and one alone" says ".healthy and .master == \"$now\""
  check "… with everything" holds 3
  kill -KILL "$(cat "$instance"/nodes/*/sentinel.pid | head -n 1)"
  check "a sentinel that was killed is started" raibid setup redis
  check "… and all is well" says .healthy
}
stopped() { local said; said=$(raibid status redis); [[ $said == *stopped* ]] || { echo "$said"; return 1; }; }

is_backed_up() {
  check "a backup is taken" raibid backup redis "$work/backups"
  adds 2
  check "the password is replaced" raibid credentials rotate redis
  check "… and the old one ends" raibid credentials rotate redis --finish --yes
  check "the nodes' own password is replaced" raibid credentials rotate redis --internal
  check "… and the old one ends" raibid credentials rotate redis --internal --finish --yes
  check "… and the nodes know each other" says .healthy
  check "… the address takes the new one" holds 2
  check "the backup is restored" raibid restore redis "$work/backups" --yes
  check "… on all nodes" says '.healthy and (.nodes | length) == 3'
  check "… as it was" holds 1
  check "… and nothing of before is left" nothing_aside
  check "… on each of them" each_holds 1
}
each_holds() { [[ $(nodes_say xlen raibid:jobs | sort -u) == "$1" ]]; }
nothing_aside() { [[ -z $(find "$instance" -name '*before-restore*' -o -name 'replaced-by*') ]]; }

is_removed() {
  check "teardown stops all and keeps the data" raibid teardown redis --yes
  check "… no process is left" process_count 0
  check "… and status says so" exits 6 raibid status redis
  check "setup takes the data up again" raibid setup redis
  check "… all of it" holds "$1"
  check "teardown --delete-data" raibid teardown redis --yes --delete-data
  check "… leaves no process" process_count 0
  check "… and nothing else" test ! -e "$instance"
}

# Redis does not end while it writes its first AOF after a full synchronization
writes_first_aof() {
  local socket=$instance/nodes/2/data/redis.sock
  replica() { REDISCLI_AUTH=$(cat "$instance/password") redis-cli -s "$socket" "$@"; }
  check "three nodes are set up again" raibid setup redis --ha
  redis eval "for i = 1, 40 do redis.call('set', 'fill:' .. i, 1) end" 0
  {
    replica config set rdb-key-save-delay 200000 # microseconds for each key
    replica config set appendonly no
    replica config set appendonly yes
  } > "$work/filled"
  check "a replica writes its first AOF" grep -q aof_rewrite_in_progress:1 <(replica info persistence)
}

interrupted() { # SIGKILL of setup after so many milliseconds: the next one is whole
  local after left
  for after in 50 150 300 600 1000 1500 2200 3000; do
    "$cli" setup redis --ha --target local >/dev/null 2>&1 &
    left=$!
    sleep "$(awk -v ms="$after" 'BEGIN {print ms / 1000}')"
    kill -KILL $left 2>/dev/null
    wait $left 2>/dev/null
    check "setup, killed after $after ms: the next one is whole" raibid setup redis --ha
    check "… healthy" says .healthy
    check "… and its teardown" raibid teardown redis --yes --delete-data
    check "… leaves no process" process_count 0
  done
}

speaks_tls() {
  check "three nodes with TLS" raibid setup redis --ha --tls
  encrypted=(--tls --cacert "$instance/tls/ca.crt")
  check "… healthy" says '.healthy and (.nodes | length) == 3'
  check "… and the address speaks it" adds 1
  check "another certificate" raibid tls rotate redis
  check "… healthy" says .healthy
  check "TLS off is refused while they run" exits 3 raibid setup redis --tls=false --yes
  check "teardown" raibid teardown redis --yes --delete-data
  encrypted=()
}

lives
is_backed_up
hands_over
all_are_killed
is_removed 3
writes_first_aof
is_removed 0
speaks_tls
[[ -z ${ROUNDS:-} ]] || interrupted
summary
