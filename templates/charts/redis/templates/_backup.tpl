{{- /* The scripts of the backup's pod: sh, and what Redis' image has. */}}

{{- /* What they share. */}}
{{- define "redis.backupCommon" -}}
set -u
umask 077
release={{ .Release.Name }} folder=/backup scratch=/scratch
fail() { echo "$*" >&2; exit 1; }
# NAME of a backup of this release: raibid-redis-20260131T090807Z, with the ending $2
is_name() {
  case $1 in
    "$release"-[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]T[0-9][0-9][0-9][0-9][0-9][0-9]Z"$2") ;;
    *) return 1 ;;
  esac
}
# Whether a manifest is of this very release: several may use one store. /etc/backup/owner has the lines that it needs.
is_ours() { # MANIFEST
  while read -r line; do grep -qF -- "$line" "$1" || return 1; done < /etc/backup/owner
}
# What goes, newest first on standard input as "NAME yes|no" (verified): all but the newest {{ .Values.backup.keep }}, and the newest that is verified.
surplus() {
  count=0 proved=no
  while read -r name verified; do
    count=$((count + 1)) stays=no
    if [ "$count" -le {{ .Values.backup.keep }} ]; then stays=yes; fi
    if [ "$verified" = yes ] && [ "$proved" = no ]; then stays=yes proved=yes; fi
    if [ "$stays" = no ]; then echo "$name"; fi
  done
}
{{- end }}

{{- /* Takes a copy into /backup, whole or not at all, and proves it. */}}
{{- define "redis.backupScript" -}}
{{- $f := include "redis.fullname" . -}}
{{- $host := include "redis.ha" . | empty | ternary (print $f "-master") $f -}}{{/* of several nodes any that is in sync */ -}}
{{- $port := .Values.tls.migrate | ternary 6380 (int .Values.master.service.ports.redis) -}}
. /etc/backup/common.sh
find_program() { command -v "redis-$1" || command -v "valkey-$1"; }
cli=$(find_program cli) || fail "this image has no redis-cli and no valkey-cli"
ask() {
  {{- $to := printf `"$cli" -h %s -p %d%s` $host (int $port) (include "redis.backupTls" .) }}
  {{- if .Values.auth.enabled }}
  {{ $to }} --user backup --askpass "$@" < /etc/backup/backup-password
  {{- else }}
  {{ $to }} "$@" < /dev/null
  {{- end }}
}
info() { sed -n "s/^$1://p" "$2" | tr -d '\r'; }
last() { tail -n 1 "$1" 2>/dev/null; }

# One at a time. What a killed run left goes; a manifest whose file is whole gets its name.
exec 9< "$folder"
if command -v flock > /dev/null && flock 9 2> /dev/null; then
  for part in "$folder"/*.part; do
    whole=${part%.part} file=$(basename "${part%.part}")
    if is_name "$file" .json && [ -f "${whole%.json}.rdb" ]; then mv "$part" "$whole"; fi
    if is_name "$file" .rdb || is_name "$file" .json; then rm -f "$part"; fi
  done
fi

name_now() { name=$release-$(date -u +%Y%m%dT%H%M%SZ) rdb=$folder/$name.rdb json=$folder/$name.json; }
name_now
while [ -e "$rdb" ] || [ -e "$json" ]; do sleep 1; name_now; done # another one was taken in this second
server_pid=
finish() {
  code=$?
  if [ -n "$server_pid" ]; then kill "$server_pid" 2> /dev/null; fi
  rm -f "$rdb.part" "$json.part"
  exit "$code"
}
trap finish EXIT
trap 'exit 143' TERM INT HUP

{{ include "redis.reach" . }}
reach "$cli" -h {{ $host }} -p {{ $port }}{{ include "redis.backupTls" . }} PING
ask INFO > "$scratch/before" 2> "$scratch/said" || fail "Redis does not answer: $(last "$scratch/said")"
version=$(info valkey_version "$scratch/before")
if [ -n "$version" ]; then version="valkey $version"; else version=$(info redis_version "$scratch/before"); fi
[ -n "$version" ] || fail "Redis lets the user backup not in: $(last "$scratch/before")"
memory=$(info used_memory_dataset "$scratch/before")
memory=${memory:-0}

ask --rdb "$rdb.part" > "$scratch/said" 2>&1 9<&- || fail "the copy was not made: $(last "$scratch/said")"
taken=$(date -u +%Y-%m-%dT%H:%M:%SZ)
ask INFO keyspace > "$scratch/after" 2> /dev/null || fail "Redis did not answer after the copy"
if check=$(find_program check-rdb); then
  "$check" "$rdb.part" > "$scratch/said" 2>&1 || fail "the copy is damaged: $(last "$scratch/said")"
fi
sync
bytes=$(wc -c < "$rdb.part" | tr -d ' ')
sha256=$(sha256sum < "$rdb.part")
sha256=${sha256%% *}

# Loaded into a server of its own, which writes nothing and listens at a socket in this pod alone.
verified=false why= counts=
prove() {
  server=$(find_program server) || { why="this image has no redis-server"; return; }
  limit=$(cat /sys/fs/cgroup/memory.max 2> /dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2> /dev/null || echo max)
  if [ "$limit" != max ] && [ $((memory + memory / 4 + 16777216)) -gt "$limit" ]; then
    why="the data take $memory bytes, and the pod may use $limit (backup.resources)"
    return
  fi
  printf '%s\n' 'port 0' "unixsocket $scratch/sock" 'unixsocketperm 700' "dir $folder" "dbfilename $name.rdb.part" 'save ""' \
    'appendonly no' 'databases 1024' 'daemonize no' 'maxmemory 0' 'logfile ""' > "$scratch/conf"
  "$server" - < "$scratch/conf" > "$scratch/log" 2>&1 9<&- &
  server_pid=$!
  until [ "$("$cli" -s "$scratch/sock" PING 2> /dev/null)" = PONG ]; do
    if ! kill -0 "$server_pid" 2> /dev/null; then
      wait "$server_pid"
      code=$?
      server_pid=
      if [ "$code" = 137 ]; then why="the server that loads it was killed: the memory of the pod is too small (backup.resources)"; return; fi
      fail "a server does not load the copy: $(grep -v WARNING "$scratch/log" | last /dev/stdin)"
    fi
    sleep 0.1
  done
  counts=$("$cli" -s "$scratch/sock" --eval /etc/backup/count.lua , "$(cat "$scratch/before")" "$(cat "$scratch/after")")
  case $counts in
    '{'*) ;;
    lacks*) fail "the copy $counts" ;;
    *) fail "the copy cannot be counted: $counts" ;;
  esac
  kill "$server_pid"
  wait "$server_pid"
  server_pid=
  verified=true
}
{{- if .Values.backup.verify }}
prove
{{- else }}
why="backup.verify is off"
{{- end }}
if [ "$verified" = false ]; then
  counts=
  while IFS=:=, read -r database _ keys _ expires _; do
    case $database in db[0-9]*) counts="$counts${counts:+, }\"${database#db}\": {\"keys\": $keys, \"expires\": $expires}" ;; esac
  done < "$scratch/before"
  counts="{\"databases\": {$counts}, \"streams\": []}"
fi

{
  printf '{\n  "kind": "raibid-cli backup",\n  "version": 1,\n  "file": "%s",\n  "taken": "%s",\n' "$name.rdb" "$taken"
  cat /etc/backup/owner /etc/backup/about
  printf '  "redis_version": "%s",\n  "bytes": %s,\n  "sha256": "%s",\n  "used_memory": %s,\n' "$version" "$bytes" "$sha256" "$memory"
  if [ "$verified" = true ]; then
    printf '  "counts_are": "of the file",\n  "verified": true,\n  "verified_with": "redis-server %s",\n' "$version"
  else
    printf '  "counts_are": "of the server before the copy",\n  "verified": false,\n  "not_verified_because": "%s",\n' "$why"
  fi
  printf '  "counts": %s\n}\n' "$counts"
} > "$json.part" || fail "the manifest cannot be written"
sync
mv "$rdb.part" "$rdb" && mv "$json.part" "$json" || fail "the copy cannot get its name"
sync
printf '{"file": "%s", "bytes": %s, "taken": "%s", "verified": %s}' "$name.rdb" "$bytes" "$taken" "$verified" > "$scratch/result"
echo "$name.rdb: $bytes bytes, $([ "$verified" = true ] && echo verified || echo "not verified: $why")"
{{- if not .Values.backup.remote }}

# A damaged one is no backup: it takes no good one's place, and stays for whoever looks into it.
kept=0
for each in $(cd "$folder" && ls -r); do
  is_name "$each" .rdb && is_ours "$folder/${each%.rdb}.json" 2> /dev/null || continue
  grep -qF "\"bytes\": $(wc -c < "$folder/$each" | tr -d ' ')," "$folder/${each%.rdb}.json" || continue
  grep -qF '"verified": true' "$folder/${each%.rdb}.json" && proved=yes || proved=no
  echo "${each%.rdb} $proved"
done | surplus > "$scratch/surplus"
while read -r each; do
  rm -f "$folder/$each.rdb" "$folder/$each.json"
  echo "removed $each.rdb, one more than {{ .Values.backup.keep }}"
done < "$scratch/surplus"
cat "$scratch/result" > /dev/termination-log
{{- end }}
{{- end }}

{{- /* Brings the copy from /backup into a store of rclone, whole or not at all. */}}
{{- define "redis.storeScript" -}}
. /etc/backup/common.sh
to={{ .Values.backup.remote | squote }}
# rclone writes into its configuration when a store gives it a new token
cp /etc/rclone/rclone.conf "$scratch/rclone.conf" || fail "Secret {{ .Values.backup.existingSecret }} has no rclone.conf"
export RCLONE_CONFIG="$scratch/rclone.conf" RCLONE_CACHE_DIR="$scratch"
store() { rclone "$@" --ask-password=false --retries=3 --contimeout=30s; }
at() { case $to in *: | */) echo "$to$1" ;; *) echo "$to/$1" ;; esac; }
for rdb in "$folder"/*.rdb; do name=$(basename "$rdb" .rdb); done
is_name "$name" "" || fail "there is no copy to bring away"
stored=no
undo() {
  code=$?
  if [ "$stored" = no ]; then
    for each in "$name.rdb.part" "$name.json"; do store deletefile "$(at "$each")" 2> /dev/null; done
  fi
  exit "$code"
}
trap undo EXIT
trap 'exit 143' TERM INT HUP
# the file gets its name last: where it has it there is a manifest, too
store copyto "$folder/$name.rdb" "$(at "$name.rdb.part")" || fail "the copy did not arrive"
store copyto "$folder/$name.json" "$(at "$name.json")" || fail "the manifest did not arrive"
store moveto "$(at "$name.rdb.part")" "$(at "$name.rdb")" || fail "the copy cannot get its name"
stored=yes
echo "$name.rdb is in $to"

store lsf --files-only --format ps --separator ' ' "$to" | sort -r > "$scratch/list" || fail "the store cannot be listed"
while read -r each size; do
  is_name "$each" .rdb && grep -qF "${each%.rdb}.json " "$scratch/list" || continue
  store cat "$(at "${each%.rdb}.json")" > "$scratch/manifest" < /dev/null 2> /dev/null && is_ours "$scratch/manifest" || continue
  grep -qF "\"bytes\": $size," "$scratch/manifest" || continue
  grep -qF '"verified": true' "$scratch/manifest" && proved=yes || proved=no
  echo "${each%.rdb} $proved"
done < "$scratch/list" | surplus > "$scratch/surplus"
while read -r each; do
  store deletefile "$(at "$each.rdb")" < /dev/null && store deletefile "$(at "$each.json")" < /dev/null
  echo "removed $each.rdb, one more than {{ .Values.backup.keep }}"
done < "$scratch/surplus"

# what a run that was killed left there a day ago
store lsf --files-only --min-age 1d "$to" > "$scratch/old" || fail "the store cannot be listed"
while read -r each; do
  if is_name "$each" .rdb.part; then store deletefile "$(at "$each")" < /dev/null; fi
done < "$scratch/old"
cat "$scratch/result" > /dev/termination-log
{{- end }}

{{- define "redis.backupTls" -}}
{{- with .Values.tls -}}
{{- if .enabled }} --tls --cacert /etc/backup/{{ .certCAFilename }}
{{- if .authClients }} --cert /etc/backup/{{ .certFilename }} --key /etc/backup/{{ .certKeyFilename }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end }}
