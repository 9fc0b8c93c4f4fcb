#!/bin/bash
# The chart's replication on this machine: its scripts start three servers and their sentinels on 127.0.0.1 to 127.0.0.3, and HAProxy, if it is here,
# leads to the master. HELM: one or more helm binaries; the first is used.
# shellcheck disable=SC2016 # the $ in single quotes are jq's
set -uo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
. tests/support/checks.sh
work=$(mktemp -d)
declare -A pid=() # by "redis 0", "sentinel 0", "proxy"
finish() {
  [[ -z ${KEEP:-} ]] || cp -r "$work" "$KEEP" # for a look at what went wrong
  local who
  for who in "${!pid[@]}"; do end "$who"; done
  rm -rf "$work"
}
trap finish EXIT

for needed in jq redis-server redis-cli getent sha1sum; do
  command -v $needed >/dev/null || { skip "replication (no $needed)"; summary; exit; }
done
helm=$(helms | head -n 1)
[[ -n $helm ]] || { skip "replication (no helm: set HELM)"; summary; exit; }

free_port() {
  local port
  for port in $(shuf -i 20001-32000 -n 50); do (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }; done
}
redis_port=$(free_port) sentinel_port=$(free_port) proxy_port=$(free_port) health_port=$(free_port)

object() {
  "$helm" template raibid-redis templates/charts/redis -n raibid-redis --set "architecture=replication,sentinel.downAfterMilliseconds=2500${encrypted:+,tls.enabled=true,tls.authClients=true}" \
    -s "templates/$1"
}
# A CA, and a certificate that it signs: what nodes, sentinels, proxy and clients all show.
make_certificate() {
  local for_openssl=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2)
  mkdir -p "$work/tls" && openssl req -x509 "${for_openssl[@]}" -keyout "$work/ca.key" -out "$work/tls/ca.crt" -subj /CN=CA &&
    openssl req "${for_openssl[@]}" -keyout "$work/tls/tls.key" -out "$work/tls.csr" -subj /CN=raibid-redis &&
    openssl x509 -req -in "$work/tls.csr" -CA "$work/tls/ca.crt" -CAkey "$work/ca.key" -CAcreateserial -days 1 -out "$work/tls/tls.crt" &&
    cp "$work/tls/tls.key" "$work/tls/tls.crt.key" # as HAProxy has it
}
part() { awk -v key="  $2: |" '$0 == key {on = 1; next} on && /^  [^ ]/ {exit} on && /^---/ {exit} on {sub(/^    /, ""); print}' "$work/$1"; }

# Files of each pod, with this machine's paths, addresses and ports.
prepare() {
  local i home file internal=of-the-pods application=secret
  object configmaps.yaml > "$work/configmaps.yaml" && object replication.yaml > "$work/replication.yaml" || return
  hash() { printf %s "$1" | sha256sum | cut -d' ' -f1; }
  for i in 0 1 2; do
    home=$work/$i
    mkdir -p "$home/bin" "$home/etc" "$home/data"
    part configmaps.yaml redis.conf | sed -e "s|/etc/redis|$home/etc|; s|^dir /data|dir $home/data|; s|^port 6379|port $redis_port|; s|^tls-port 6379|tls-port $redis_port|; s|/etc/tls|$work/tls|; s|/run/redis/redis.sock|$home/redis.sock|; s|^bind .*|bind 127.0.0.$((i + 1))|" > "$home/etc/redis.conf"
    part configmaps.yaml nodes.conf | sed -e "s|/etc/redis|$home/etc|" > "$home/etc/nodes.conf"
    for file in start.sh ping.sh ha.sh; do
      part configmaps.yaml $file | sed -e "s|/etc/redis|$home/etc|g; s|/etc/tls|$work/tls|g; s|/run/redis/redis.sock|$home/redis.sock|; s|/data|$home/data|g; s|26379|$sentinel_port|g; s|6379|$redis_port|g; s|bind \* -::\*|bind 127.0.0.$((i + 1))|; s|-p $redis_port|-h 127.0.0.$((i + 1)) &|; s|^to_own_sentinel='|&-h 127.0.0.$((i + 1)) |; s|^stuck_after=.*|stuck_after=4|" \
        > "$home/etc/$file"
    done
    # ping.sh asks the pod itself
    sed -i "s|timeout 4 \"\$cli\"|& -h 127.0.0.$((i + 1)) -p $redis_port|" "$home/etc/ping.sh"
    printf '%s\n' "user default on #$(hash $application) ~* &* +@all" 'user health on nopass resetchannels -@all +ping +role' \
      "user replica on #$(hash $internal) resetchannels -@all +psync +replconf +ping" \
      "user sentinel on #$(hash $internal) resetchannels &__sentinel__:hello -@all +multi +exec +slaveof +ping +subscribe +config|rewrite +role +publish +info +client|setname +client|kill +client|pause +client|unpause +script|kill" > "$home/etc/users.acl"
    printf '%s\n' 'masteruser replica' "masterauth $internal" > "$home/etc/replication.conf"
    printf %s $internal > "$home/etc/internal-password"
    printf '%s\n' "user default on #$(hash $application) resetchannels -@all +ping +role +info +sentinel|master +sentinel|masters +sentinel|replicas +sentinel|sentinels +sentinel|get-master-addr-by-name +sentinel|ckquorum" \
      'user health on nopass resetchannels -@all +ping +sentinel|master +sentinel|get-master-addr-by-name' \
      "user sentinel on #$(hash $internal) &* +@all" 'sentinel auth-user mymaster sentinel' "sentinel auth-pass mymaster $internal" \
      'sentinel sentinel-user sentinel' "sentinel sentinel-pass $internal" > "$home/etc/sentinel.conf"
    printf '%s\n' '#!/bin/sh' 'name=${2%%.*}' 'case $2 in' \
      '  *-master-[0-2].raibid-redis.svc) echo "127.0.0.$((${name##*-} + 1)) $2" ;;' '  *) echo "10.0.0.1 $2" ;; # as /etc/hosts has a pod itself' 'esac' > "$home/bin/getent"
    chmod +x "$home/bin/getent"
  done
  part replication.yaml haproxy.cfg | sed -e "s|raibid-redis-master-\([0-2]\):6379|127.0.0.1\1:$redis_port|; s|127.0.0.10:|127.0.0.1:|; s|127.0.0.11:|127.0.0.2:|; s|127.0.0.12:|127.0.0.3:|" \
    -e "s|bind :6379|bind 127.0.0.1:$proxy_port|; s|bind :8404|bind 127.0.0.1:$health_port|; s|/etc/haproxy-tls|$work/tls|" > "$work/haproxy.cfg"
}

run() { # WHO COMMAND…
  local who=$1; shift
  setsid "$@" >> "$work/$who.log" 2>&1 &
  pid[$who]=$!
}
in_pod() { POD_NAME=raibid-redis-master-$1 PATH=$work/$1/bin:$PATH "${shell[@]}" "$work/$1/etc/$2" "${@:3}"; }
start() { # redis|sentinel ORDINAL [NAME=VALUE…]
  local i=$2
  case $1 in
    redis) run "redis $i" env POD_NAME="raibid-redis-master-$i" PATH="$work/$i/bin:$PATH" "${@:3}" "${shell[@]}" "$work/$i/etc/start.sh" ;;
    sentinel) run "sentinel $i" env POD_NAME="raibid-redis-master-$i" PATH="$work/$i/bin:$PATH" "${shell[@]}" "$work/$i/etc/ha.sh" sentinel ;;
  esac
}
start_pod() { start redis "$1"; start sentinel "$1"; }
end() { # WHO [SIGNAL]: of a process that this script started
  [[ -n ${pid[$1]:-} ]] || return 0
  kill "-${2:-KILL}" -- "-${pid[$1]}" 2>/dev/null
  wait "${pid[$1]}" 2>/dev/null
  unset "pid[$1]"
}
end_pod() { end "redis $1" "${2:-KILL}"; end "sentinel $1" "${2:-KILL}"; }
eventually() { for _ in {1..200}; do "$@" && return; sleep 0.1; done; return 1; }

as_client() { REDISCLI_AUTH=secret timeout "$1" redis-cli "${encrypted[@]}" "${@:2}" 2>&1; }
as_application() { as_client 2 -h "127.0.0.$(($1 + 1))" -p "$redis_port" "${@:2}"; }
sentinel_of() { as_client 2 -h "127.0.0.$(($1 + 1))" -p "$sentinel_port" "${@:2}"; }
through_proxy() { as_client 3 -p "$proxy_port" "$@"; }
role() { as_application "$1" role | head -n 1; }
is_master() { [[ $(role "$1") == master ]]; }
follows() { [[ $(as_application "$1" role | sed -n '1p;2p;4p' | paste -sd' ') == "slave 127.0.0.$(($2 + 1)) connected" ]]; }
two_replicas() { [[ $(as_application "$1" info replication) == *connected_slaves:2* ]]; }
quorum() { [[ $(sentinel_of "$1" sentinel ckquorum mymaster) == OK* ]]; }
names() { [[ $(sentinel_of "$1" sentinel get-master-addr-by-name mymaster | head -n 1) == "127.0.0.$(($2 + 1))" ]]; }
ready() { in_pod "$1" ping.sh ready; }
not_ready() { ! ready "$1"; }
writes() { [[ $(as_application "$1" xadd kept '*' n "$2") == *-* ]]; }
holds() { local now; now=$(as_application "$1" xlen kept); [[ $now == "$2" ]] || { echo "$now"; return 1; }; }
one_master() { # ORDINAL: it alone, all follow, all sentinels agree, and no failover is under way
  local i
  is_master "$1" && two_replicas "$1" || return
  for i in 0 1 2; do
    [[ $i == "$1" ]] || follows "$i" "$1" || return
    names "$i" "$1" && quorum "$i" && [[ $(flags_at "$i") == master ]] || return
  done
}
writes_refused() { [[ $(as_application "$1" xadd stray '*' n 1) == NOREPLICAS* ]]; }

begins() {
  local i stays
  for i in 2 1 0; do start_pod $i; done
  check "$with: three pods without any memory: pod 0 is the master, all sentinels know all" eventually one_master 0
  for i in 0 1 2; do check "$with: pod $i is ready" ready $i; done
  check "$with: what is written" writes 0 1
  check "$with: … a replica has" eventually holds 2 1
  for i in 0 1 2; do check "$with: sentinel $i closes a dead connection after three seconds" eventually has_periods $i; done
  if [[ $with == dash ]]; then
    stay_connected & stays=$!
    for i in 0 1 2; do check "$with: node $i closes the connections that sentinels began before it was there" eventually renewed as_application $i; done
    for i in 0 1 2; do check "$with: … sentinel $i, too" eventually renewed as_sentinel_user "$sentinel_port" $i; done
    touch "$work/renewed"
    wait "$stays"
    check "$with: … and no other connection of that user" test "$(uniq -c "$work/ids" | awk '{print $1}')" = 2
    check "$with: … and all is as before" eventually one_master 0
  fi
  check "$with: the file of a sentinel is for its user alone" test "$(stat -c %a "$work/0/data/sentinel/sentinel.conf")" = 600
  check "$with: the application may ask a sentinel" names 1 0
  check "$with: … and may not change it" denied sentinel_of 1 sentinel failover mymaster
  check "$with: … nor set anything" denied sentinel_of 1 sentinel set mymaster quorum 1
}
as_sentinel_user() { REDISCLI_AUTH=of-the-pods timeout 2 redis-cli "${encrypted[@]}" --user sentinel -h "127.0.0.$(($2 + 1))" -p "$1" "${@:3}"; } # PORT ORDINAL COMMAND…
has_periods() { [[ $(as_sentinel_user "$sentinel_port" "$1" sentinel debug | paste -sd' ') == *"INFO-PERIOD 2000 "*"MIN-LINK-RECONNECT-PERIOD 3000 "* ]]; }
# As raibid-cli does; the same number before and after
stay_connected() {
  { echo CLIENT ID; until [[ -e $work/renewed ]]; do sleep 0.1; done; echo CLIENT ID; } |
    REDISCLI_AUTH=of-the-pods redis-cli "${encrypted[@]}" --user sentinel -p "$sentinel_port" > "$work/ids"
}
renewed() { # FUNCTION ORDINAL: no connection of a sentinel there is as old as the server
  local up
  up=$("$@" info server | tr -d '\r' | sed -n 's/^uptime_in_seconds://p')
  "$@" client list | awk -v up="$up" '/ name=sentinel-/ {links++; match($0, / age=[0-9]+/); if (substr($0, RSTART + 5, RLENGTH - 5) > up - 8) old++} END {exit !links || old}'
}
denied() { [[ $("$@") == NOPERM* ]]; }

master_crashes() {
  end "redis 0"
  start redis 0
  local now next
  check "$with: the master is killed and started again at once: a replica takes over" eventually new_master_without 0
  now=$(master_of 1 2)
  check "$with: … the old master follows it" eventually one_master "$now"
  check "$with: … with what was acknowledged" holds "$now" 1
  end_pod "$now"
  check "$with: the master's pod is gone: another one takes over" eventually new_master_without "$now"
  next=$(master_of 0 1 2)
  check "$with: … and takes writes" eventually writes "$next" 2
  start_pod "$now"
  check "$with: the old master comes back as a replica" eventually one_master "$next"
  check "$with: … with what was written since" eventually holds "$now" 2
}
new_master_without() { local i; for i in 0 1 2; do [[ $i != "$1" ]] && is_master $i && return; done; return 1; }
master_of() { local i; for i in "$@"; do is_master "$i" && { echo "$i"; return; }; done; }

# Redis puts off writing to its AOF while the disk is busy with an fsync, for two seconds at most.
make_busy_disk() {
  printf '%s\n' '#define _GNU_SOURCE' '#include <dlfcn.h>' '#include <stdlib.h>' '#include <unistd.h>' \
    'int fdatasync(int file) {' '  while (access(getenv("BUSY"), F_OK) == 0) usleep(10000);' \
    '  int (*really)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");' '  return really(file);' '}' > "$work/busy.c"
  cc -shared -fPIC -o "$work/busy.so" "$work/busy.c" -ldl
}
disk_is_busy() {
  local now i next; now=$(master_of 0 1 2)
  command -v cc >/dev/null || { skip "a master is killed while its disk is busy (no cc)"; return; }
  check "$with: a disk that can be busy" make_busy_disk
  for i in 0 1 2; do end_pod $i; done
  for i in 0 1 2; do start redis $i BUSY="$work/busy" LD_PRELOAD="$work/busy.so"; start sentinel $i; done
  check "$with: all have started again" eventually one_master "$now"
  touch "$work/busy"
  check "$with: the AOF of a master is behind" eventually puts_off_writing "$now"
  check "$with: … which is killed just after a replica has acknowledged a write" has_replica "$now"
  end "redis $now"
  rm "$work/busy"
  start redis "$now"
  check "$with: a replica takes over" eventually new_master_without "$now"
  next=$(master_of 0 1 2)
  check "$with: … all follow it" eventually one_master "$next"
  check "$with: … and nothing is lost" test "$(as_application "$next" get waited-for)" = 1
}
puts_off_writing() {
  as_application "$1" set filling 1 > /dev/null
  [[ $(as_application "$1" info persistence) =~ aof_buffer_length:([0-9]+) ]] && ((BASH_REMATCH[1] > 0))
}
has_replica() { [[ $(printf '%s\n' 'SET waited-for 1' 'WAIT 1 900' | as_application "$1" | tail -n 1) == [12] ]]; }

# As when the sentinel that promoted it has ended before it could tell the others
another_is_master() {
  local now next; now=$(master_of 0 1 2)
  next=$(((now + 1) % 3))
  as_application "$next" replicaof no one > /dev/null
  end "redis $now"
  : > "$work/redis $now.log"
  start redis "$now"
  check "$with: a node comes back while another one is a master of which no sentinel knows: it follows whom the sentinels choose" eventually grep "starting as a replica" "$work/redis $now.log"
  check "$with: … and all do" longer eventually one_master_but "$now"
}
one_master_but() { local next; next=$(new_master_but "$1") && one_master "$next"; }
new_master_but() { local i; for i in 0 1 2; do [[ $i != "$1" ]] && is_master $i && { echo $i; return; }; done; return 1; }

# The node that was promoted is lost before its failover has ended: a replica that is frozen delays the end.
promoted_node_is_lost() {
  local now next late; now=$(master_of 0 1 2)
  promote_only $(((now + 1) % 3))
  next=$(((now + 1) % 3)) late=$(((now + 2) % 3))
  kill -STOP -- "-${pid[redis $late]}"
  check "$with: a failover begins while a replica is frozen" as_sentinel_of "$now" SENTINEL FAILOVER mymaster
  check "$with: … the other one is promoted" eventually names "$now" "$next"
  end_pod "$next"
  kill -CONT -- "-${pid[redis $late]}"
  check "$with: … and lost before the failover has ended: the next one takes over" longer eventually is_master "$late"
  check "$with: … because the sentinel that waited for it has started again" grep "a failover does not end" "$work/sentinel $now.log"
  start_pod "$next"
  check "$with: … and all follow the new master" eventually one_master "$late"
}
promote_only() { # ORDINAL
  local i
  promote_any # a sentinel has the priority of then written into a node's file when it changed the role of that node
  as_application "$1" config set replica-priority 1 > /dev/null
  for i in 0 1 2; do check "$with: sentinel $i prefers a replica" eventually prefers $i "$1"; done
}
longer() { "$@" || "$@"; }

# No replica may be promoted, so the sentinels go on considering the master down.
master_is_late() {
  local now i; now=$(master_of 0 1 2)
  promote_none "$now"
  end "redis $now"
  for i in 0 1 2; do check "$with: sentinel $i considers the master down" eventually considers_down "$i"; done
  start redis "$now"
  check "$with: a master that was away for long is the master again" eventually one_master "$now"
  check "$with: … after it paused writes while a failover might have been under way" eventually paused_once "$now"
  check "$with: … and takes writes" eventually writes "$now" 9
  promote_any
}
# The master was away for less than the sentinels wait, so a failover may begin just when it is back.
master_is_almost_late() {
  local now i; now=$(master_of 0 1 2)
  promote_none "$now"
  for i in 0 1 2; do check "$with: sentinel $i waits for a minute" as_sentinel_of "$i" SENTINEL SET mymaster down-after-milliseconds 60000; done
  end "redis $now"
  start redis "$now"
  check "$with: a master that was away for a moment, and of which no replica may take over, is the master again" eventually one_master "$now"
  check "$with: … after it paused writes until each sentinel had heard of it" eventually paused_once "$now"
  check "$with: … and takes writes" eventually writes "$now" 10
  for i in 0 1 2; do check "$with: sentinel $i waits as usual" as_sentinel_of "$i" SENTINEL SET mymaster down-after-milliseconds 2500; done
  promote_any
}
promote_none() { # MASTER
  local i
  for i in 0 1 2; do [[ $i == "$1" ]] || as_application "$i" config set replica-priority 0 > /dev/null; done
  for i in 0 1 2; do check "$with: sentinel $i knows that no replica may be promoted" eventually knows_two_without_priority "$i"; done
}
promote_any() { local i; for i in 0 1 2; do as_application "$i" config set replica-priority 100 > /dev/null; done; }
as_sentinel_of() { [[ $(as_sentinel_user "$sentinel_port" "$@") == OK ]]; }
knows_two_without_priority() { [[ $(sentinel_of "$1" sentinel replicas mymaster | grep -A 1 -x slave-priority | grep -cx 0) == 2 ]]; }
flags_at() { sentinel_of "$1" sentinel master mymaster | grep -A 1 -x flags | tail -n 1; }
considers_down() { [[ $(flags_at "$1") == *down* ]]; }
paused_once() { local facts; facts=$(as_application "$1" info commandstats); [[ $facts == *"client|pause:calls=1,"* && $facts == *"client|unpause:calls=1,"* ]]; }

# The accident that the start rule is for.
all_start_at_once() {
  local now i; now=$(master_of 0 1 2)
  for i in 0 1 2; do end_pod $i; done
  for i in 0 1 2; do start_pod $i; done
  check "$with: all are killed and start at once: the last master (pod $now) is the master again" eventually one_master "$now"
  check "$with: … with everything" holds "$now" 2
  for i in 0 1 2; do end_pod $i; done
  rm -rf "$work"/*/data/sentinel/*.new
  local other=$(((now + 1) % 3))
  start_pod "$other"
  sleep 1
  check "$with: one of them alone is no master while it waits for the others" not_ready_yet "$other"
  for i in 0 1 2; do [[ $i == "$other" ]] || start_pod $i; done
  check "$with: with the others it follows the last master" eventually one_master "$now"
}
not_ready_yet() { ! is_master "$1" && not_ready "$1"; }

# What SENTINEL remembers is a pod, not an address: those of the Services are other ones after a teardown and a setup.
addresses_change() {
  local now i; now=$(master_of 0 1 2)
  for i in 0 1 2; do end_pod $i; done
  sed -i "s/127\.0\.0\.\([1-3]\)/127.0.1.\1/g" "$work"/*/data/sentinel/sentinel.conf # as if they had been these
  for i in 0 1 2; do start_pod $i; done
  check "$with: all addresses are other ones: the same pod is the master" eventually one_master "$now"
  check "$with: … with everything" holds "$now" 2
}
claim_is_lost() {
  local now lost; now=$(master_of 0 1 2) lost=$(((now + 2) % 3))
  end_pod $lost
  rm -rf "${work:?}/$lost/data"; mkdir "$work/$lost/data"
  start_pod $lost
  check "$with: a pod that lost its data gets it from the master" eventually one_master "$now"
  check "$with: … all of it" eventually holds $lost 2
}

hands_over() {
  local now next; now=$(master_of 0 1 2)
  check "$with: before a replica ends nothing is handed over" in_pod $(((now + 1) % 3)) ha.sh stop
  check "$with: … so the master stays" is_master "$now"
  end "sentinel $now" TERM # as in a pod that ends
  mv "$work/$now/bin/getent" "$work/getent"
  printf '%s\n' '#!/bin/sh' 'exit 2' > "$work/$now/bin/getent" && chmod +x "$work/$now/bin/getent"
  check "$with: while the release is removed, and its addresses are gone, the master ends at once" timeout 3 env POD_NAME="raibid-redis-master-$now" \
    PATH="$work/$now/bin:$PATH" "${shell[@]}" "$work/$now/etc/ha.sh" stop
  mv "$work/getent" "$work/$now/bin/getent"
  check "$with: the master hands over before it ends" in_pod "$now" ha.sh stop
  next=$(master_of $(((now + 1) % 3)) $(((now + 2) % 3)))
  check "$with: … to another pod, at once" test -n "$next"
  check "$with: … and has told the third one to follow that, before a sentinel does" grep "REPLICAOF 127.0.0.$((next + 1)):.* enabled (user request from .* name= " "$work/redis $((3 - now - next)).log"
  check "$with: … and takes no write any more" nothing_written "$now"
  end "redis $now" TERM
  check "$with: … which takes writes" eventually writes "$next" 3
  start_pod "$now"
  check "$with: … and comes back as a replica" eventually one_master "$next"
  for i in 0 1 2; do [[ $i == "$next" ]] || end_pod $i; done
  check "$with: a master whose replicas are gone refuses writes" eventually writes_refused "$next"
  check "$with: … where no sentinel answers it ends without handing over" in_pod "$next" ha.sh stop
  for i in 0 1 2; do [[ $i == "$next" ]] || start_pod $i; done
  check "$with: with them it takes writes again" eventually one_master "$next"
}
# A node asks in short tries, and one that counts is longer
sentinels_are_busy() {
  local now other; now=$(master_of 0 1 2) other=$(((now + 1) % 3))
  printf '%s\n' '#!/bin/sh' "case \"\$*\" in *'-p $sentinel_port'*) sleep 0.6 ;; esac" "exec $(command -v redis-cli) \"\$@\"" > "$work/$other/bin/redis-cli"
  chmod +x "$work/$other/bin/redis-cli"
  end "redis $other"
  : > "$work/redis $other.log"
  start redis "$other"
  check "$with: a node starts soon when the sentinels take 0.6 s to answer" within_ten_seconds grep "starting as a replica of raibid-redis-master-$now" "$work/redis $other.log"
  rm "$work/$other/bin/redis-cli"
  check "$with: … and follows the master" eventually one_master "$now"
}
within_ten_seconds() { local end=$((SECONDS + 10)); while ((SECONDS < end)); do "$@" && return; sleep 0.1; done; return 1; }
# What a replica has not read yet must not be lost, also when the sentinels prefer that one.
replica_is_behind() {
  local now late handover; now=$(master_of 0 1 2) late=$(((now + 1) % 3))
  promote_only $late
  kill -STOP -- "-${pid[redis $late]}"
  check "$with: … which is frozen: the master ends without handing over" not_handed_over "$now"
  check "$with: … and has taken writes again" written "$now"
  in_pod "$now" ha.sh stop & handover=$!
  sleep 0.5
  kill -CONT -- "-${pid[redis $late]}"
  wait $handover
  check "$with: … which is behind for half a second: the master waits, and hands over to it" is_master $late
  check "$with: … with all that was written" test "$(as_application $late get last)" = 1
  promote_any
  check "$with: … and all follow it" eventually one_master $late
}
prefers() { [[ $(sentinel_of "$1" sentinel replicas mymaster | awk 'before == "ip" {ip = $0} before == "slave-priority" && $0 == 1 {print ip} {before = $0}') == "127.0.0.$(($2 + 1))" ]]; }
not_handed_over() { [[ $(in_pod "$1" ha.sh stop 2>&1) == "not handed over: "*" has not caught up" ]] && is_master "$1"; }
written() { # so much that a replica reads it in many pieces
  local said
  said=$(as_client 9 -h "127.0.0.$(($1 + 1))" -p "$redis_port" eval "for i = 1, 200 do redis.call('set', 'much' .. i, string.rep('x', 100000)) end return redis.call('set', 'last', 1)" 0)
  [[ $said == OK ]] || { echo "$said"; return 1; }
}
nothing_written() { [[ $(as_application "$1" xadd kept '*' n lost) != *-* ]]; }

proxy() {
  local now; now=$(master_of 0 1 2)
  command -v haproxy >/dev/null || { skip "HAProxy leads to the master (no haproxy here)"; return; }
  check "$with: HAProxy takes its configuration" haproxy -c -f "$work/haproxy.cfg"
  run proxy haproxy -db -f "$work/haproxy.cfg"
  check "$with: HAProxy leads to the master" eventually leads_to "$now"
  check "$with: HAProxy says that it runs" bash -c "exec 3<>/dev/tcp/127.0.0.1/$health_port && printf 'GET / HTTP/1.0\r\n\r\n' >&3 && head -n 1 <&3 | grep -q 200"
  through_proxy blpop nothing 30 > "$work/blocked" 2>&1 &
  local blocked=$! next
  eventually blocked_at "$now" || fail "a client waits at the master"
  end_pod "$now"
  eventually new_master_without "$now"
  next=$(master_of 0 1 2)
  check "$with: the connection to a master that is gone is cut" wait_end $blocked
  check "$with: HAProxy leads to the next master" eventually leads_to "$next"
  for i in 0 1 2; do [[ $i == "$next" || $i == "$now" ]] || end_pod $i; done
  check "$with: HAProxy knows when the replicas are gone" eventually is_no_master_to_proxy "$next"
  check "$with: a lone master is still reached, and says why it takes no writes" eventually proxied_refusal
  as_client 60 -p "$proxy_port" subscribe came-alone > "$work/alone" 2>&1 & local came=$!
  check "$with: … by a client that stays" eventually is_subscribed "$next"
  for i in 0 1 2; do [[ $i == "$next" ]] || start_pod $i; done
  check "$with: HAProxy leads to it again when there are replicas" eventually proxied_write
  check "$with: a client that connected to the lone master is disconnected" wait_end $came
  end proxy
}
leads_to() { [[ $(through_proxy info server | grep ^run_id) == "$(as_application "$1" info server | grep ^run_id)" && $(through_proxy role | head -n 1) == master ]]; }
blocked_at() { [[ $(as_application "$1" info clients) == *blocked_clients:1* ]]; }
is_no_master_to_proxy() { [[ $(grep "Server master/node$1 is" "$work/proxy.log" | tail -n 1) == *" is DOWN"* ]]; }
is_subscribed() { [[ $(as_application "$1" pubsub numsub came-alone | tail -n 1) == 1 ]]; }
wait_end() { eventually gone "$1"; }
gone() { ! kill -0 "$1" 2>/dev/null; }
# Redis does not end while it writes its first AOF after a full synchronization, and the kubelet asks it only once
first_aof() {
  local now other n
  now=$(master_of 0 1 2) other=$(((now + 1) % 3))
  {
    for n in {1..20}; do as_application "$now" set "fill:$n" 1; done
    as_application "$other" config set rdb-key-save-delay 100000 # microseconds for each key
    as_application "$other" config set appendonly no
    as_application "$other" config set appendonly yes
  } > "$work/filled"
  check "$with: a replica writes its first AOF" writes_aof "$other"
  check "$with: … and ends when that is done" ends_when_asked "$other"
  end "redis $other"
  start redis "$other"
  check "$with: … and comes back" eventually one_master "$now"
}
writes_aof() { [[ $(as_application "$1" info persistence) == *aof_rewrite_in_progress:1* ]]; }
farewells() { grep -c 'bye bye' "$work/redis $1.log"; }
says_farewell() { (($(farewells "$1") > $2)); }
ends_when_asked() {
  local before
  before=$(farewells "$1")
  in_pod "$1" ha.sh stop && kill -TERM -- "-${pid[redis $1]}" && eventually says_farewell "$1" "$before"
}
proxied_refusal() { [[ $(through_proxy xadd stray '*' n 1) == NOREPLICAS* ]]; }
proxied_write() { [[ $(through_proxy xadd kept '*' n 1) == *-* ]]; }

encrypted=() # options of redis-cli
for shell in "$(command -v dash)" "$(command -v busybox) sh" "$(command -v dash) with TLS"; do
  read -ra shell <<<"$shell"
  [[ -x ${shell[0]} ]] || { skip "replication by busybox (not here)"; continue; }
  with=${shell[*]##*/}
  if [[ $with == *TLS ]]; then
    shell=("${shell[0]}")
    encrypted=(--tls --cacert "$work/tls/ca.crt" --cert "$work/tls/tls.crt" --key "$work/tls/tls.key")
    make_certificate > "$work/openssl" 2>&1 || { fail_showing "a certificate" "$(cat "$work/openssl")"; break; }
  fi
  rm -rf "$work"/[0-2]
  prepare || { fail "the chart renders"; break; }
  begins
  if [[ $with == *TLS ]]; then # what it may change: who asks whom
    hands_over
    proxy
  else
    master_crashes
    all_start_at_once
  fi
  if [[ $with == dash ]]; then # what no shell does differently
    addresses_change
    claim_is_lost
    sentinels_are_busy
    hands_over
    replica_is_behind
    first_aof
    disk_is_busy
    another_is_master
    promoted_node_is_lost
    master_is_late
    master_is_almost_late
    proxy
  fi
  for i in 0 1 2; do end_pod $i; done
done
summary
