#!/bin/bash
# The pod's scripts that take backups by a schedule, on this machine's redis-server and rclone: what is cut, killed, full or hangs leaves
# the backups of before and nothing half. HELM: one or more helm binaries; the first is used.
set -uo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=tests/support/checks.sh
. tests/support/checks.sh
work=$(mktemp -d)
server_pid='' store_pid=''
finish() {
  if [[ $server_pid ]]; then kill -9 "$server_pid"; fi
  if [[ $store_pid ]]; then kill "$store_pid"; fi
  if mountpoint -q "$work/full"; then umount "$work/full"; fi
  rm -rf "$work"
} 2> /dev/null
trap finish EXIT
eventually() { # COMMAND...: within ten seconds
  local end=$((SECONDS + 10))
  until "$@"; do ((SECONDS < end)) || return 1; sleep 0.05; done
}

for program in redis-server redis-cli jq; do
  command -v $program > /dev/null || { skip "backups by a schedule (no $program)"; summary; exit; }
done
helm=$(helms | head -n 1)
[[ $helm ]] || { skip "backups by a schedule (no helm: set HELM)"; summary; exit; }

# render FOLDER SET...: the scripts of a chart with these values, with paths of this machine
render() {
  local folder=$1; shift
  mkdir -p "$work/$folder/"{backup,scratch}
  "$helm" template raibid-redis templates/charts/redis -n jobs -s templates/backup.yaml --set backup.schedule=@daily,backup.cluster=u1 "$@" \
    > "$work/$folder/manifest" || return
  # helm itself turns its YAML into JSON
  mkdir -p "$work/json/templates"
  printf '%s\n' 'apiVersion: v2' 'name: json' 'version: 0.1.0' > "$work/json/Chart.yaml"
  sed '/^---$/,$!d; 1d' "$work/$folder/manifest" | sed '/^---$/,$d' > "$work/json/manifest.yaml"
  echo '{{ .Files.Get "manifest.yaml" | fromYaml | toJson }}' > "$work/json/templates/json.yaml"
  "$helm" template json "$work/json" | sed -n '/^{/p' > "$work/$folder/objects.json"
  local name
  for name in $(jq -r '.data | keys[]' "$work/$folder/objects.json"); do
    jq -r --arg name "$name" '.data[$name]' "$work/$folder/objects.json" | sed -e "s|/etc/backup|$work/$folder|g; s|folder=/backup|folder=$work/$folder/backup|" \
      -e "s|scratch=/scratch|scratch=$work/$folder/scratch|; s|/dev/termination-log|$work/$folder/result|; s|/etc/rclone|$work|" \
      -e "s|-h raibid-redis-master -p 6379|-p $port|" > "$work/$folder/$name"
  done
  printf pw > "$work/$folder/backup-password"
}
take() { "${shell[@]}" "$work/$1/backup.sh" > "$work/said" 2>&1; }
says() { grep -qF -- "$1" "$work/said" || { cat "$work/said"; return 1; }; }
no_take() { ! take "$1"; }
files() { find "$work/$1/backup" -type f | wc -l; }
has_files() { [[ $(files "$1") == "$2" ]] || { ls -l "$work/$1/backup"; return 1; }; }
none_half() { [[ -z $(find "$work/$1/backup" -name '*.part') ]]; }
next_second() { local now=$EPOCHSECONDS; while ((EPOCHSECONDS == now)); do sleep 0.05; done; }
ask() { redis-cli -p "$port" "$@" > /dev/null; }
start() {
  redis-server --port "$port" --bind 127.0.0.1 --dir "$work/data" --aclfile "$work/users.acl" --repl-diskless-sync-delay 0 --save '' > "$work/log" 2>&1 &
  server_pid=$!
  eventually redis-cli -p "$port" ping
} > /dev/null 2>&1
# begin FOLDER: a backup that is in the middle of the copy
begin() {
  setsid "${shell[@]}" "$work/$1/backup.sh" > "$work/said" 2>&1 &
  run_pid=$!
  eventually grows "$1"
}
grows() { [[ $(cat "$work/$1/backup/"*.rdb.part 2> /dev/null | wc -c) -gt 0 ]]; }

port=17$((RANDOM % 800 + 100))
mkdir "$work/data"
rights='resetchannels -@all +psync +sync +replconf +ping +info'
printf '%s\n' 'user default on nopass ~* &* +@all' "user backup on >pw $rights" > "$work/users.acl"
start || { fail "redis-server starts"; summary; exit; }

all_kinds() {
  shell=("$@")
  local with=${*##*/} folder=kinds-${1##*/}
  render "$folder" --set backup.claim=x,backup.keep=2 || return
  ask flushall
  ask set plain 1; ask set goes 1 ex 1000; ask -n 3 xadd 'a"name' '*' k v; ask xadd raibid:jobs '*' k v; ask xgroup create raibid:jobs workers 0
  printf 'XADD "\\xff\\x00" * k v\n' | ask
  check "$with: a backup is taken" take "$folder"
  check "$with: … loaded and counted" says "verified"
  check "$with: … and has a manifest as raibid-cli writes it" jq -e '.kind == "raibid-cli backup" and .version == 1 and .cluster_uid == "u1" and
    .namespace == "jobs" and .release == "raibid-redis" and .verified and .counts_are == "of the file" and
    .counts.databases == {"0": {keys: 4, expires: 1}, "3": {keys: 1, expires: 0}} and
    ([.counts.streams[].name | tojson] | sort) == ([{base64: "/wA="}, "raibid:jobs", "a\"name"] | map(tojson) | sort)' "$work/$folder/backup/"*.json
  check "$with: … of the right length and SHA-256" right_sum "$folder"
  check "$with: its result is JSON for status" jq -e '.verified and .bytes > 0' "$work/$folder/result"
  check "$with: a second one, if it must be in the same second" take "$folder"
  next_second; check "$with: a third one takes the oldest's place" take "$folder"
  check "$with: … two are kept" has_files "$folder" 4
  stranger "$folder" 20200101T000000Z u2
  stranger "$folder" 20200102T000000Z u1
  next_second; check "$with: files of another cluster" take "$folder"
  check "$with: … are left alone, and our old ones go" test "$(cd "$work/$folder/backup" && echo *2020*)" = "raibid-redis-20200101T000000Z.json raibid-redis-20200101T000000Z.rdb"
}
right_sum() { # of the newest
  local json; json=$(find "$work/$1/backup" -name '*.json' | sort | tail -n 1)
  [[ "$(sha256sum < "${json%.json}.rdb" | cut -d' ' -f1) $(stat -c %s "${json%.json}.rdb")" == "$(jq -r '"\(.sha256) \(.bytes)"' "$json")" ]]
}
stranger() { # FOLDER TIME CLUSTER: a backup of then
  local json; json=$(find "$work/$1/backup" -name '*.json' | sort | tail -n 1)
  cp "${json%.json}.rdb" "$work/$1/backup/raibid-redis-$2.rdb"
  sed "s/\"u1\"/\"$3\"/; s/\"verified\": true/\"verified\": false/" "$json" > "$work/$1/backup/raibid-redis-$2.json"
}
for one in "$(command -v dash)" "$(command -v busybox) sh" "$(command -v bash)"; do
  read -ra words <<< "$one"
  if [[ -x ${words[0]} ]]; then all_kinds "${words[@]}"; else skip "backups by a schedule, by busybox (not here)"; fi
done

shell=("$(command -v dash)")
render faults --set backup.claim=x
ask flushall
check "a good one first" take faults
good=$(sha256sum "$work/faults/backup/"*)
same_as_before() { [[ $(sha256sum "$work/faults/backup/"*) == "$good" ]]; }
printf -v value '%02000d' 1
for i in {1..3000}; do echo "set key$i $value"; done | ask
ask config set rdb-key-save-delay 1000
server_untouched() { [[ $(redis-cli -p "$port" dbsize) == 3000 ]]; }

begin faults; check "a copy under way" grows faults
kill -9 -- -"$run_pid" 2> /dev/null; wait "$run_pid" 2> /dev/null
check "killed: the backup of before is there" eventually server_untouched
ask config set rdb-key-save-delay 0
check "killed: the next run" take faults
check "… leaves nothing of the killed one" none_half faults
check "… and two backups" has_files faults 4
rm -f "$work/faults/backup/"*; next_second; check "one again" take faults; good=$(sha256sum "$work/faults/backup/"*)
ask config set rdb-key-save-delay 1000

next_second; begin faults; kill -TERM "$run_pid"; wait "$run_pid"; code=$?
check "ended by its pod: exit code 143" test $code = 143
check "… nothing half, the one of before" eventually same_as_before

next_second; begin faults; ask client kill type replica; wait "$run_pid"; code=$?
check "cut: a failure" test $code = 1
check "… that says why" says "the copy was not made"
check "… nothing half, the one of before" same_as_before

next_second; begin faults; kill -STOP "$server_pid"
sleep 1
check "a server that hangs is waited for" kill -0 "$run_pid"
kill -TERM -- -"$run_pid"; wait "$run_pid" 2> /dev/null
check "… until the Job's deadline: nothing half" eventually same_as_before
kill -CONT "$server_pid"
ask config set rdb-key-save-delay 0

mkdir "$work/bin"
# a server that the kernel kills while it loads: more data than the pod has memory
printf '%s\n' '#!/bin/sh' 'kill -9 $$' > "$work/bin/redis-server"; chmod +x "$work/bin/redis-server"
render small --set backup.claim=x
take_with() { PATH=$work/bin:$PATH take "$1"; }
check "too little memory: the backup is taken" take_with small
check "… and not verified" says "not verified: the server that loads it was killed"
check "… as its manifest says" jq -e '.verified == false and (.not_verified_because | test("memory"))' "$work/small/backup/"*.json

next_second; printf wrong > "$work/faults/backup-password"
check "a wrong password is a failure" no_take faults
check "… that says why" says WRONGPASS
check "… nothing half" same_as_before
printf pw > "$work/faults/backup-password"

if ((EUID == 0)) && mkdir "$work/full" && mount -t tmpfs -o size=200k none "$work/full" 2> /dev/null; then
  cp "$work/faults/backup/"* "$work/full/" 2> /dev/null || { rm -f "$work/full/"*; printf x > "$work/full/raibid-redis-20200101T000000Z.rdb"; }
  full=$(ls "$work/full"); ask config set rdbcompression no
  mv "$work/faults/backup" "$work/faults/aside"; ln -s "$work/full" "$work/faults/backup"
  check "a full disk is a failure" no_take faults
  check "… nothing half, those of before" test "$(ls "$work/full")" = "$full"
  rm "$work/faults/backup"; mv "$work/faults/aside" "$work/faults/backup"; ask config set rdbcompression yes
else
  skip "a full disk (needs root)"
fi

# a manifest whose file has its name, and one whose file has not
touch "$work/faults/backup/raibid-redis-20200101T000000Z.rdb" "$work/faults/backup/raibid-redis-20200101T000000Z.json.part" \
  "$work/faults/backup/raibid-redis-20200102T000000Z.json.part" "$work/faults/backup/raibid-redis-20200102T000000Z.rdb.part" "$work/faults/backup/mine.rdb.part"
next_second; check "after a kill between the two names" take faults
check "… the whole one is whole" test -f "$work/faults/backup/raibid-redis-20200101T000000Z.json"
check "… the other one is gone, and what is not ours stays" test "$(cd "$work/faults/backup" && echo *.part)" = mine.rdb.part

# a store: WebDAV by rclone itself
if command -v rclone > /dev/null; then
  mkdir "$work/served"
  store_port=18$((RANDOM % 800 + 100))
  printf '[there]\ntype = webdav\nurl = http://127.0.0.1:%s\nvendor = other\n' "$store_port" > "$work/rclone.conf"
  render store --set backup.remote=there:redis,backup.existingSecret=s,backup.keep=2
  bring() { next_second; rm -f "${work:?}/store/backup/"*; take store && "${shell[@]}" "$work/store/store.sh" > "$work/said" 2>&1; }
  rclone serve webdav "$work/served" --dir-cache-time 0s --addr "127.0.0.1:$store_port" > "$work/store.log" 2>&1 &
  store_pid=$!
  answers() { rclone --config "$work/rclone.conf" lsd there: > /dev/null 2>&1; }
  check "a store of rclone (WebDAV)" eventually answers
  check "a backup is brought there" bring
  check "… with its manifest" test "$(find "$work/served/redis" -type f | wc -l)" = 2
  check "… as it was" test "$(sha256sum < "$work/served/redis/"*.rdb)" = "$(sha256sum < "$work/store/backup/"*.rdb)"
  check "a second one" bring
  check "a third one takes the oldest's place" bring
  check "… two are kept" test "$(find "$work/served/redis" -type f | wc -l)" = 4
  stored=$(sha256sum "$work/served/redis/"*)
  rm "$work/bin/redis-server"
  printf '%s\n' '#!/bin/sh' "case \$* in *.json*copyto* | copyto*.json*) exit 1 ;; esac" "exec $(command -v rclone) \"\$@\"" > "$work/bin/rclone"; chmod +x "$work/bin/rclone"
  no_manifest() { PATH=$work/bin:$PATH; ! bring; }
  check "a manifest that does not arrive is a failure" no_manifest
  check "… and nothing of that backup stays" test "$(sha256sum "$work/served/redis/"*)" = "$stored"
  rm "$work/bin/rclone"; hash -r
  touch "$work/served/redis/raibid-redis-20200101T000000Z.rdb.part" "$work/served/redis/mine.rdb.part"
  touch -d '3 days ago' "$work/served/redis/"*.part
  check "after a pod that was killed days ago" bring
  check "… what it left is gone, and what is not ours stays" test "$(cd "$work/served/redis" && echo *.part)" = mine.rdb.part
  rm "$work/served/redis/mine.rdb.part"; stored=$(sha256sum "$work/served/redis/"*)
  kill "$store_pid"; wait "$store_pid" 2> /dev/null
  no_bring() { ! bring; }
  sed -i 's/--retries=3/--retries=1 --low-level-retries=1/' "$work/store/store.sh"
  check "a store that is away is a failure" no_bring
  check "… that says so" says "the copy did not arrive"
  check "… and what is there stays" test "$(sha256sum "$work/served/redis/"*)" = "$stored"
  store_pid=
else
  skip "a store of rclone (no rclone here)"
fi
summary
