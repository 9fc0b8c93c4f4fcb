{{- /* AUTH as the user health, as a line of redis-cli's input; nothing without authentication */}}
{{- define "redis.asHealth" -}}
{{ if .Values.auth.enabled }}'AUTH health -' {{ end }}
{{- end }}

{{- define "redis.haScript" -}}
# Which pod is the master. A sentinel remembers that in its file on the claim, as an address, and each pod asks all of them before it starts: so a pod
# never takes itself for the master because it was one, or because all of them start at once. sh, awk and redis-cli are all that is needed.
#   ha.sh sentinel   starts this pod's sentinel
#   ha.sh stop       before the pod ends: hands over to another one when this is the master
# start.sh reads it for choose_master.
name={{ include "redis.fullname" . }}-master
nodes={{ .Values.replica.replicaCount }}
set={{ .Values.sentinel.masterSet }}
file=/data/sentinel/sentinel.conf
ordinal=${POD_NAME##*-}
cli=$(command -v redis-cli || command -v valkey-cli) || { echo "this image has no redis-cli and no valkey-cli" >&2; exit 127; }

ordinals() { awk -v n="$nodes" 'BEGIN {for (i = 0; i < n; i++) print i}'; }

# Sets $addresses, those of all nodes in the order of their ordinals. They are Services, so they are there before the pods, and stay. With the word
# once it fails when one is missing: the release is being removed.
find_addresses() {
  said=
  while :; do
    addresses= missing=
    for i in $(ordinals); do
      # with the namespace: the short name of a pod itself is in its /etc/hosts, with an address that goes with it
      address=$(getent hosts "$name-$i.{{ .Release.Namespace }}.svc" | awk '{print $1; exit}')
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
# "ORDINAL EPOCH" as the sentinel of pod $1 says it; nothing when it does not answer. One that has just promoted a replica names that already by its
# address alone, and its epoch a moment later.
asked() {
  printf '%s\n' {{ include "redis.asHealth" . }}"SENTINEL MASTER $set" "SENTINEL GET-MASTER-ADDR-BY-NAME $set" |
    timeout 1 "$cli" -h "$(address "$1")" -p 26379{{ include "redis.toOthers" . }} 2>/dev/null |
    awk -v addresses="$addresses" '
      BEGIN {n = split(addresses, all, " "); for (i = 1; i <= n; i++) ordinal[all[i]] = i - 1}
      {line[NR] = $0}
      END {
        for (i = 1; i < NR; i++) {
          if (line[i] == "ip") master = line[i + 1]
          if (line[i] == "config-epoch") epoch = line[i + 1]
        }
        if (epoch == "" || !(master in ordinal)) exit
        promoted = line[NR - 1]
        if (promoted in ordinal && promoted != master) {master = promoted; epoch++}
        print ordinal[master], epoch + 0
      }'
}
# Sets $known, how many pods have an opinion, and $master and $epoch, the one of the highest epoch.
collect_opinions() {
  known=0 master=0 epoch=-1
  for i in $(ordinals); do
    if [ "$i" = "$ordinal" ]; then opinion=$(remembered); else opinion=$(asked "$i"); fi
    [ -n "$opinion" ] || continue
    known=$((known + 1))
    [ "${opinion#* }" -gt "$epoch" ] || continue
    master=${opinion% *} epoch=${opinion#* }
  done
}
# Waits until a majority has an opinion, and for the others another two seconds; twenty at most. Where nobody ever had one it is pod 0.
choose_master() {
  find_addresses
  end=$(($(date +%s) + 20)) settled=
  while :; do
    collect_opinions
    now=$(date +%s)
    [ "$known" -lt "$nodes" ] && [ "$now" -lt "$end" ] || break
    if [ "$((known * 2))" -gt "$nodes" ]; then
      [ -n "$settled" ] || settled=$((now + 2))
      [ "$now" -lt "$settled" ] || break
    fi
    sleep 0.2
  done
}

number_of() { # the last number on the line of this pod's own file that begins with $1
  [ -r "$file" ] || { echo 0; return; }
  awk -v start="$1" 'index($0, start " ") == 1 {number = $NF} END {print number + 0}' "$file"
}
id_of() { printf '%s-%s' "$name" "$1" | sha1sum | awk '{print $1}'; }
# Written anew at each start: passwords and addresses are those of now, and of the old one only epochs and the master's ordinal are taken over.
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
    {{- if .Values.tls.enabled }}
    printf '%s\n' 'port 0' 'tls-port 26379' 'tls-cert-file /etc/tls/{{ .Values.tls.certFilename }}' 'tls-key-file /etc/tls/{{ .Values.tls.certKeyFilename }}' \
      'tls-ca-cert-file /etc/tls/{{ .Values.tls.certCAFilename }}' 'tls-auth-clients {{ .Values.tls.authClients | ternary "yes" "no" }}' 'tls-replication yes'
    {{- end }}
    printf '%s\n'{{ if not .Values.tls.enabled }} 'port 26379'{{ end }} 'bind * -::*' 'protected-mode no' 'daemonize no' 'logfile ""' "dir ${file%/*}"
    echo "sentinel myid $(id_of "$ordinal")"
    echo "sentinel announce-ip $(address "$ordinal")"
    echo "sentinel announce-port 26379"
    echo "sentinel monitor $set $(address "$master") 6379 {{ .Values.sentinel.quorum }}"
    echo "sentinel down-after-milliseconds $set {{ int .Values.sentinel.downAfterMilliseconds }}"
    echo "sentinel failover-timeout $set {{ int .Values.sentinel.failoverTimeout }}"
    echo "sentinel parallel-syncs $set {{ .Values.sentinel.parallelSyncs }}"
    {{- if .Values.auth.enabled }}
    cat /etc/redis/sentinel.conf
    {{- end }}
    echo "sentinel config-epoch $set $epoch"
    echo "sentinel leader-epoch $set $leader"
    for i in $(ordinals); do
      [ "$i" = "$master" ] || echo "sentinel known-replica $set $(address "$i") 6379"
      [ "$i" = "$ordinal" ] || echo "sentinel known-sentinel $set $(address "$i") 26379 $(id_of "$i")"
    done
    echo "sentinel current-epoch $current"
  } > "$file.new"
  mv "$file.new" "$file"
}
# One that is told to shut down starts again at once, with the files of now: the kubelet would wait longer each time.
start_sentinel() {
  child=
  trap '[ -z "$child" ] || { kill "$child"; wait "$child"; }; exit 143' TERM
  server=$(command -v redis-server || command -v valkey-server) || { echo "this image has no redis-server and no valkey-server" >&2; exit 127; }
  while write_sentinel_file; do
    "$server" "$file" --sentinel &
    child=$!
    wait "$child" || exit
    child=
  done
}

# as_sentinel COMMAND redis-cli-options…: as the user sentinel, whose password is on stdin only
as_sentinel() {
  command=$1
  shift
  {
    {{- if .Values.auth.enabled }}
    printf 'AUTH sentinel '
    cat /etc/redis/internal-password
    echo
    {{- end }}
    printf '%s\n' "$command"
  } | timeout 2 "$cli" "$@" 2>&1 | awk '{line = $0} END {print line}'
}
is_master() { [ "$(printf '%s\n' {{ include "redis.asHealth" . }}ROLE | timeout 2 "$cli" {{ include "redis.toItself" . }} 2>/dev/null | awk '$0 == "OK" {next} {print; exit}')" = master ]; }
named_master() { # the address that the sentinel of pod $1 gives out: another one as soon as a replica is promoted
  printf '%s\n' {{ include "redis.asHealth" . }}"SENTINEL GET-MASTER-ADDR-BY-NAME $set" | timeout 1 "$cli" -h "$(address "$1")" -p 26379{{ include "redis.toOthers" . }} 2>/dev/null |
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
  as_sentinel 'CLIENT PAUSE 12000 WRITE' {{ include "redis.toItself" . }} > /dev/null
  end=$(($(date +%s) + 10))
  # it may refuse for a moment: when it has just failed over, or has not looked at the replicas since
  until answer=$(as_sentinel "SENTINEL FAILOVER $set" -h "$(address "$helper")" -p 26379{{ include "redis.toOthers" . }}) && [ "$answer" = OK ]; do
    [ "$(date +%s)" -lt "$((end - 7))" ] || break
    sleep 0.3
  done
  while [ "$answer" = OK ] && [ "$(date +%s)" -lt "$end" ]; do
    now=$(named_master "$helper")
    [ -z "$now" ] || [ "$now" = "$own" ] || return 0
    sleep 0.1
  done
  echo "not handed over: $answer" >&2
  as_sentinel 'CLIENT UNPAUSE' {{ include "redis.toItself" . }} > /dev/null
}

case ${1:-} in
  sentinel) start_sentinel ;;
  stop) hand_over ;;
esac
{{- end }}

{{- define "redis.proxyConf" -}}
# Leads to the master, which is asked for its role by each proxy itself: this works while neither the API nor a sentinel answers.
global
    nbthread 2
    fd-hard-limit 20000
    hard-stop-after 10s
defaults
    mode tcp
    balance first
    retries 0
    timeout connect 1s
    timeout check 1s
    timeout client 7d
    timeout server 7d
    option clitcpka
    option srvtcpka
frontend health
    mode http
    bind :8404
    timeout client 5s
    monitor-uri /
frontend redis
    bind :6379
    use_backend lone if { nbsrv(master) eq 0 } { nbsrv(lone) gt 0 }
    default_backend master
{{- /* the whole answer, or a refusal, comes at once: what is shorter is not waited for */}}
{{- $least := .Values.auth.enabled | ternary 29 24 }}
{{- /* A check says nothing secret and decides nothing but where clients are led, and they verify the node themselves: so neither an expired certificate
nor a new CA takes the address away. */}}
{{- $tls := .Values.tls.enabled | ternary " check-ssl verify none" "" }}
{{- if and .Values.tls.enabled .Values.tls.authClients }}{{ $tls = print $tls " crt /etc/haproxy-tls/" .Values.tls.certFilename }}{{ end }}
{{- range $backend, $replicas := dict "master" "[1-9]" "lone" "[0-9]" }}
# {{ $backend }}: {{ eq $backend "master" | ternary "a master with a replica at least" "any master, which refuses writes and says why" }}
backend {{ $backend }}
    option tcp-check
    tcp-check connect{{ if $.Values.tls.enabled }} default{{ end }}
    tcp-check send "{{ if $.Values.auth.enabled }}AUTH health -\r\n{{ end }}ROLE\r\n"
    tcp-check expect min-recv {{ $least }} rstring '\$6\r\nmaster\r\n:[0-9]+\r\n\*{{ $replicas }}'
    default-server check inter {{ eq $backend "master" | ternary "500ms" "1s" }} fall 2 rise 1 on-marked-down shutdown-sessions{{ $tls }}
    {{- range $i := until (int $.Values.replica.replicaCount) }}
    server node{{ $i }} {{ include "redis.fullname" $ }}-master-{{ $i }}:6379
    {{- end }}
{{- end }}
{{- end }}
