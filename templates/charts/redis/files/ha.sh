# Which node is the master. A sentinel remembers that in its file, as an address, and each node asks all of them before it starts: so a node never
# takes itself for the master because it was one, or because all of them start at once. sh, awk and redis-cli are all that is needed. The same text
# runs in the pods of a cluster and for several nodes on one machine; the lines before it say where they are:
#   name, nodes, set, ordinal    of this node
#   file                         its sentinel's, on the volume or in the folder with its data
#   secrets                      a folder; auth is empty without authentication
#   redis_port, sentinel_port    the same for all nodes
#   stuck_after                  seconds, twice of which a failover may take at a sentinel (restart_when_stuck); only a pod's sentinel is watched
#   renew_after                  seconds until the links of the sentinels are made again (renew_links); empty where that is not needed
#   to_itself, to_others, to_own_sentinel    options of redis-cli
#   look_up ORDINAL              prints the address of a node
#   sentinel_listens             prints the lines of sentinel.conf that say how it listens, and its folder
#   run_server OPTION...         becomes the server
#   ha.sh server         starts this node's server; start.sh of a pod reads it for start_server
#   ha.sh sentinel       starts its sentinel, and again when it is told to shut down
#   ha.sh sentinel once  starts its sentinel, a daemon
#   ha.sh stop           before a pod ends: hands over to another one when this is the master
cli=$(command -v redis-cli || command -v valkey-cli) || { echo "there is no redis-cli and no valkey-cli" >&2; exit 127; }
server=$(command -v redis-server || command -v valkey-server) || { echo "there is no redis-server and no valkey-server" >&2; exit 127; }

# Lines of redis-cli's input, as the user health where there is authentication.
as_health() {
  [ -z "$auth" ] || echo 'AUTH health -'
  printf '%s\n' "$@"
}

ordinals() { awk -v n="$nodes" 'BEGIN {for (i = 0; i < n; i++) print i}'; }

# Sets $addresses, those of all nodes in the order of their ordinals. They are Services, so they are there before the pods, and stay. With the word
# once it fails when one is missing: the release is being removed.
find_addresses() {
  said=
  while :; do
    addresses= missing=
    for i in $(ordinals); do
      address=$(look_up "$i")
      [ -n "$address" ] || missing=$name-$i
      addresses="$addresses $address"
    done
    [ -n "$missing" ] || return 0
    [ "${1:-}" != once ] || return 1
    [ -n "$said" ] || echo "waiting for the address of $missing" >&2
    said=1
    sleep 0.5
  done
}
address() { # of an ordinal
  # shellcheck disable=SC2086
  set -- "$1" $addresses
  shift $(($1 + 1))
  echo "$1"
}

# "ORDINAL EPOCH" as this pod's own sentinel wrote it. The first line of its file has the addresses of that time.
remembered() {
  [ -r "$file" ] || return 0
  awk -v set="$set" '
    $1 == "#" && $2 == "addresses" {for (i = 3; i <= NF; i++) ordinal[$i] = i - 3}
    $1 == "sentinel" && $2 == "monitor" && $3 == set {master = $4}
    $1 == "sentinel" && $2 == "config-epoch" && $3 == set {epoch = $4}
    END {if (master in ordinal) print ordinal[master], epoch + 0}' "$file"
}
# "ORDINAL EPOCH" as the sentinel of pod $1 says it, and "down" when it considers that master down, or has not heard of it for half the time after which
# it would; nothing when it does not answer within $2 seconds. One that has just promoted a replica names that already by its address alone, and its epoch
# a moment later.
asked() {
  as_health "SENTINEL MASTER $set" "SENTINEL GET-MASTER-ADDR-BY-NAME $set" |
    timeout "$2" "$cli" -h "$(address "$1")" -p "$sentinel_port" $to_others 2>/dev/null |
    awk -v addresses="$addresses" -v patience="$((down_after / 2))" '
      BEGIN {n = split(addresses, all, " "); for (i = 1; i <= n; i++) ordinal[all[i]] = i - 1}
      {line[NR] = $0}
      END {
        for (i = 1; i < NR; i++) {
          if (line[i] == "ip") master = line[i + 1]
          if (line[i] == "config-epoch") epoch = line[i + 1]
          if (line[i] == "flags" && line[i + 1] ~ /down|failover/) down = "down"
          if (line[i] == "last-ok-ping-reply" && line[i + 1] > patience) down = "down"
        }
        if (epoch == "" || !(master in ordinal)) exit
        promoted = line[NR - 1]
        if (promoted in ordinal && promoted != master) {master = promoted; epoch++; down = ""}
        print ordinal[master], epoch + 0, down
      }'
}
# Sets $known, how many pods have an opinion, $master and $epoch, the one of the highest epoch, and $down, not empty when one considers its master down.
collect_opinions() { # [seconds for an answer]
  known=0 master=0 epoch=-1 down= within=${1:-1}
  # all at once, because each that is not there yet costs the whole time
  opinions=$(for i in $(ordinals); do if [ "$i" = "$ordinal" ]; then remembered; else asked "$i" "$within"; fi & done; wait)
  while read -r named since state; do
    [ -n "$since" ] || continue
    known=$((known + 1)) down=$down$state
    [ "$since" -gt "$epoch" ] || continue
    master=$named epoch=$since
  done <<END
$opinions
END
}
# Waits until a majority has an opinion, and for the others another two seconds; twenty at most. Where nobody ever had one it is pod 0. While a pod has
# no container yet, the first packet of a connection to it is lost, and TCP sends the next one after a second. So two of three tries are short. They
# only count when all answer: a sentinel may be too busy to answer so soon.
choose_master() {
  find_addresses
  end=$(($(date +%s) + 20)) settled= try=0
  while :; do
    try=$((try % 3 + 1))
    if [ "$try" -lt 3 ]; then collect_opinions 0.4; else collect_opinions; fi
    [ "$known" -lt "$nodes" ] || break
    if [ "$try" = 3 ]; then
      now=$(date +%s)
      [ "$now" -lt "$end" ] || break
      if [ "$((known * 2))" -gt "$nodes" ]; then
        [ -n "$settled" ] || settled=$((now + 2))
        [ "$now" -lt "$settled" ] || break
      fi
    fi
    sleep 0.2
  done
}

number_of() { # the last number on the line of this pod's own file that begins with $1
  [ -r "$file" ] || { echo 0; return; }
  awk -v start="$1" 'index($0, start " ") == 1 {number = $NF} END {print number + 0}' "$file"
}
id_of() { printf '%s-%s' "$name" "$1" | sha1sum | awk '{print $1}'; }
# Written again at each start, with the current passwords and addresses. Only the epochs and the master's ordinal come from the old file.
write_sentinel_file() {
  find_addresses
  collect_opinions
  [ "$epoch" -ge 0 ] || epoch=0
  leader=$(number_of "sentinel leader-epoch $set")
  current=$(number_of "sentinel current-epoch")
  [ "$current" -ge "$epoch" ] || current=$epoch
  umask 077 # it holds a password
  mkdir -p "${file%/*}"
  {
    echo "# addresses$addresses"
    sentinel_listens
    echo 'protected-mode no'
    echo "sentinel myid $(id_of "$ordinal")"
    echo "sentinel announce-ip $(address "$ordinal")"
    echo "sentinel announce-port $sentinel_port"
    echo "sentinel monitor $set $(address "$master") $redis_port $quorum"
    echo "sentinel down-after-milliseconds $set $down_after"
    echo "sentinel failover-timeout $set $failover_timeout"
    echo "sentinel parallel-syncs $set $parallel_syncs"
    [ -z "$auth" ] || cat "$secrets/sentinel.conf"
    echo "sentinel config-epoch $set $epoch"
    echo "sentinel leader-epoch $set $leader"
    for i in $(ordinals); do
      [ "$i" = "$master" ] || echo "sentinel known-replica $set $(address "$i") $redis_port"
      [ "$i" = "$ordinal" ] || echo "sentinel known-sentinel $set $(address "$i") $sentinel_port $(id_of "$i")"
    done
    echo "sentinel current-epoch $current"
  } > "$file.new"
  mv "$file.new" "$file"
}
# Two periods in milliseconds, which no file can set (SENTINEL DEBUG, Redis 7.0). By default a sentinel keeps a dead connection for 15 seconds, and asks
# a replica for its state every 10. A replica that it cannot reach during a failover would follow the old master for that long.
set_periods() {
  tries=0 answer=
  while [ "$tries" -lt 50 ] && { [ -z "$child" ] || kill -0 "$child" 2>/dev/null; }; do
    answer=$(as_sentinel 'SENTINEL DEBUG INFO-PERIOD 2000 MIN-LINK-RECONNECT-PERIOD 3000' $to_own_sentinel)
    [ "$answer" != OK ] || return 0
    tries=$((tries + 1))
    sleep 0.1
  done
  echo "the usual periods stay: $answer" >&2
}
# One that is told to shut down starts again at once, with the files of now: the kubelet would wait longer each time.
start_sentinel() {
  child=
  trap '[ -z "$child" ] || { kill "$child"; wait "$child"; }; exit 143' TERM
  while write_sentinel_file; do
    "$server" "$file" --sentinel &
    child=$!
    set_periods
    renew_links $to_own_sentinel < /dev/null > /dev/null 2>&1 &
    restart_when_stuck "$child" < /dev/null > /dev/null &
    wait "$child" || exit
    child=
  done
}

# When the node that a sentinel has promoted is lost before the failover has ended, that sentinel waits for it without a limit, and the others cannot agree
# on another one without it. Started again it knows what they know.
restart_when_stuck() { # PID of the sentinel
  while sleep "$stuck_after" && kill -0 "$1" 2>/dev/null; do
    fails_over || continue
    sleep "$stuck_after"
    fails_over || continue
    echo "a failover does not end: this sentinel starts again" >&2
    kill "$1"
  done
}
fails_over() {
  as_health "SENTINEL MASTER $set" | timeout 2 "$cli" $to_own_sentinel 2>/dev/null | awk 'before == "flags" && /failover_in_progress/ {found = 1} {before = $0} END {exit !found}'
}

# Some seconds after a start it closes the connections of the sentinels, which connect again. While this node had no pod, its Service refused by an ICMP
# message. Linux keeps that in the socket when the connection succeeds after all, and it wakes a sentinel again and again, without a pause. At a sentinel
# raibid-cli is the same user, and keeps its connection; at a node that user may not list them, and nobody else stays connected with it.
renew_links() { # redis-cli-options…
  [ -n "$renew_after" ] || return 0
  sleep "$renew_after"
  orders=$(answers_to_sentinel 'CLIENT LIST' "$@" | awk '
    / name=sentinel-/ {sub(/^id=/, ""); print "CLIENT KILL ID " $1}
    /NOPERM/ {print "CLIENT KILL USER sentinel"}')
  [ -z "$orders" ] || as_sentinel "$orders" "$@"
}

# A sentinel does not stop a failover when the master comes back, and may begin one until it has heard of the master again. What this master then takes,
# until its replicas follow the new one, is lost, also with WAIT. So it pauses writes until every sentinel has heard of it, for four seconds at most. By
# then it has no replica, and refuses writes.
hold_writes() {
  tries=0
  until [ "$(as_health PING | timeout 1 "$cli" $to_itself 2>/dev/null | awk 'END {print}')" = PONG ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || return
    sleep 0.1
  done
  as_sentinel 'CLIENT PAUSE 4000 WRITE' $to_itself
  for try in 1 2 3 4 5 6 7 8 9; do
    sleep 0.3
    collect_opinions
    [ "$master" = "$ordinal" ] || return
    [ -n "$down" ] || [ "$known" -lt "$nodes" ] || { as_sentinel 'CLIENT UNPAUSE' $to_itself; return; }
  done
}
# "OFFSET ORDINAL" for each replica that followed this node until it ended, the one with most first. OFFSET is how much of what this node has written it
# has. One that lost this node more than 15 seconds ago is left out. "promoted" when another node is a master, though no sentinel says so yet.
last_followers() {
  for i in $(ordinals); do
    [ "$i" = "$ordinal" ] || answers_to_sentinel 'INFO replication' -h "$(address "$i")" -p "$redis_port" $to_others |
      awk -v own="$(address "$ordinal")" -v ordinal="$i" '
        {sub(/\r$/, ""); i = index($0, ":"); said[substr($0, 1, i - 1)] = substr($0, i + 1)}
        END {
          gone = said["master_link_status"] == "up" ? 0 : said["master_link_down_since_seconds"] + 0
          if (said["role"] == "slave" && said["master_host"] == own && said["slave_repl_offset"] + 0 > 1 && gone >= 0 && gone <= 15)
            print said["slave_repl_offset"], ordinal
          if (said["role"] == "master") print "promoted"
        }' &
  done | sort -rn
}
# Whether the sentinel of pod $1 would promote node $2: as far as it knows, that node has at least as much as every other replica, and at least $3.
sentinel_prefers() {
  answers_to_sentinel "SENTINEL REPLICAS $set" -h "$(address "$1")" -p "$sentinel_port" $to_others |
    awk -v node="$(address "$2")" -v most="$3" '
      before == "ip" {ip = $0}
      before == "slave-repl-offset" {if (ip == node) known = $0; else if ($0 + 0 > most + 0) most = $0}
      {before = $0}
      END {exit !(known != "" && known + 0 >= most + 0)}'
}
# A master that was killed can have less in its AOF than its replicas, also of what was acknowledged with WAIT: while the disk is busy with an fsync, Redis
# puts off writing for two seconds. And it may take long to load. So a replica that followed until the end takes over. Where none did, or no sentinel
# promotes one within six seconds, this node is the master. While another node is a master already, it leaves that to the sentinels, for half a minute.
let_replica_take_over() {
  end=$(($(date +%s) + 6)) longer= before=
  while [ "$master" = "$ordinal" ] && [ "$(date +%s)" -lt "$end" ]; do
    followers=$(last_followers)
    [ -n "$followers" ] || return 0
    case $followers in
      # the sentinel that promoted it has not told the others yet, or has ended before it could
      *promoted*) [ -n "$longer" ] || { longer=yes end=$((end + 24)); } ;;
      # the same as before, so the replicas have read all that was on its way
      "$before") ask_for_takeover ;;
    esac
    before=$followers
    sleep 0.1
    collect_opinions
  done
}
ask_for_takeover() {
  next=$(echo "$followers" | awk 'NR == 1 {print $2}') least=$(echo "$followers" | awk 'NR == 2 {print $1}')
  # if possible not the sentinel of the node that it promotes: if that pod is lost, too, the others would not know of it
  for helper in "$ordinal" $(ordinals | awk -v next_one="$next" -v own="$ordinal" '$0 != next_one && $0 != own') "$next"; do
    [ "$(named_master "$helper")" = "$(address "$ordinal")" ] && sentinel_prefers "$helper" "$next" "${least:-0}" || continue
    answer=$(as_sentinel "SENTINEL FAILOVER $set" -h "$(address "$helper")" -p "$sentinel_port" $to_others)
    [ "$answer" = OK ] || continue
    echo "a replica takes over: it followed this node until that ended" >&2
    await_promotion "$helper"
    return 0
  done
}
# Waits until sentinel $1 names another master; fails when that has not happened by $end. The sentinel tells the other replicas to follow the new master
# up to a second after it has promoted it. This node tells them at once: nothing can be written until one follows, and one that follows the old master
# for longer may need a full synchronization.
await_promotion() {
  told=
  until now=$(named_master "$1") && [ -n "$now" ] && [ "$now" != "$(address "$ordinal")" ]; do
    [ "$(date +%s)" -lt "$end" ] || return 1
    if [ -z "$told" ] && tell_followers; then told=yes; fi
    sleep 0.1
  done
}
tell_followers() { # fails when none has been promoted
  promoted=
  for i in $(ordinals); do
    [ "$i" = "$ordinal" ] || [ "$(role 1 -h "$(address "$i")" -p "$redis_port" $to_others | awk 'NR == 1')" != master ] || promoted=$i
  done
  [ -n "$promoted" ] || return 1
  for i in $(ordinals); do
    [ "$i" = "$ordinal" ] || [ "$i" = "$promoted" ] ||
      as_sentinel "SLAVEOF $(address "$promoted") $redis_port" -h "$(address "$i")" -p "$redis_port" $to_others > /dev/null
  done
}
# All nodes of a release start together. A replica that finds no master tries again only a second later, so it waits a moment before it starts.
await_master() {
  tries=0
  until [ -n "$(as_health PING | timeout 0.4 "$cli" -h "$(address "$master")" -p "$redis_port" $to_others 2>/dev/null)" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 4 ] || return 0
    sleep 0.1
  done
}
start_server() {
  choose_master
  [ "$epoch" -lt 0 ] || let_replica_take_over # nobody has an opinion at the first start
  renew_links $to_itself < /dev/null > /dev/null 2>&1 &
  set -- --replica-announce-ip "$(address "$ordinal")"
  if [ "$master" = "$ordinal" ]; then
    echo "starting as the master${down:+; writes are paused while a failover may be under way}" >&2
    [ -z "$down" ] || hold_writes < /dev/null > /dev/null 2>&1 &
  else
    echo "starting as a replica of $name-$master" >&2
    await_master
    set -- "$@" --replicaof "$(address "$master")" "$redis_port"
  fi
  run_server "$@"
}

# COMMANDS redis-cli-options…: as the user sentinel, whose password is on stdin only
answers_to_sentinel() {
  commands=$1
  shift
  {
    if [ -n "$auth" ]; then
      printf 'AUTH sentinel '
      cat "$secrets/internal-password"
      echo
    fi
    printf '%s\n' "$commands"
  } | timeout 2 "$cli" "$@" 2>&1
}
as_sentinel() { answers_to_sentinel "$@" | awk '{line = $0} END {print line}'; } # the last line
role() { # seconds redis-cli-options…: a line for each part of the answer
  seconds=$1
  shift
  as_health ROLE | timeout "$seconds" "$cli" "$@" 2>/dev/null | awk '$0 != "OK"'
}
is_master() { [ "$(role 2 $to_itself | awk 'NR == 1')" = master ]; }
# Waits until each connected replica has all that this master has written; fails when one does not answer, or is still behind after two seconds. Not
# longer: a sentinel's connection is paused, too, by the PUBLISH that it sends every two seconds, so it would consider the master down.
wait_for_replicas() {
  now=$(role 2 $to_itself) # master, its offset, and of each replica address, port and offset
  wanted=$(echo "$now" | awk 'NR == 2') tries=0
  [ -n "$wanted" ] || { echo "not handed over: this server does not answer" >&2; return 1; }
  for i in $(ordinals); do
    [ "$i" != "$ordinal" ] && echo "$now" | grep -qxF "$(address "$i")" || continue
    # slave, address and port of its master, connected, offset
    until offset=$(role 1 -h "$(address "$i")" -p "$redis_port" $to_others | awk 'NR == 5') && [ "${offset:-0}" -ge "$wanted" ]; do
      tries=$((tries + 1))
      [ -n "$offset" ] && [ "$tries" -lt 15 ] || { echo "not handed over: $name-$i has not caught up" >&2; return 1; }
      sleep 0.1
    done
  done
}
named_master() { # the address that the sentinel of pod $1 gives out: another one as soon as a replica is promoted
  as_health "SENTINEL GET-MASTER-ADDR-BY-NAME $set" | timeout 1 "$cli" -h "$(address "$1")" -p "$sentinel_port" $to_others 2>/dev/null |
    awk '$0 == "OK" {next} {print; exit}'
}
# This pod's own sentinel is being stopped, too, so another one does it. Nothing is written meanwhile, so nothing is lost. Where no other
# sentinel answers, or it refuses, the pod ends as any other.
hand_over() {
  is_master || return 0
  find_addresses once || return 0
  own=$(address "$ordinal") helper=
  for i in $(ordinals) $(ordinals); do # twice: one that is busy may not answer at once
    [ "$i" != "$ordinal" ] && [ "$(named_master "$i")" = "$own" ] && helper=$i && break
  done
  [ -n "$helper" ] || return 0
  as_sentinel 'CLIENT PAUSE 12000 WRITE' $to_itself > /dev/null
  end=$(($(date +%s) + 11))
  # a sentinel may promote any of them; when this pod ends by itself, its server waits for them once more
  wait_for_replicas || { as_sentinel 'CLIENT UNPAUSE' $to_itself > /dev/null; return 0; }
  limit=$(($(date +%s) + 3))
  # it may refuse for a moment: when it has just failed over, or has not looked at the replicas since
  until answer=$(as_sentinel "SENTINEL FAILOVER $set" -h "$(address "$helper")" -p "$sentinel_port" $to_others) && [ "$answer" = OK ]; do
    [ "$(date +%s)" -lt "$limit" ] || break
    sleep 0.3
  done
  if [ "$answer" = OK ] && await_promotion "$helper"; then return 0; fi
  echo "not handed over: $answer" >&2
  as_sentinel 'CLIENT UNPAUSE' $to_itself > /dev/null
}

# A replica does not end while it writes its first AOF after a full synchronization ("can't exit"), and the kubelet asks it only once: its pod would stay
# until the grace period is over, a minute.
wait_for_first_aof() {
  end=$(($(date +%s) + 40))
  while ! is_master && [ "$(date +%s)" -lt "$end" ]; do
    answers_to_sentinel 'INFO persistence' $to_itself | grep -q '^aof_rewrite_in_progress:1\|^aof_rewrite_scheduled:1' || return 0
    sleep 0.2
  done
}

case "${1:-} ${2:-}" in
  "server ") start_server ;;
  "sentinel ") start_sentinel ;;
  "sentinel once") child= && write_sentinel_file && "$server" "$file" --sentinel && set_periods ;;
  "stop ") hand_over && wait_for_first_aof ;;
esac
