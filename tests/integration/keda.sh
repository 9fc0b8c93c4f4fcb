#!/bin/bash
# What `export keda` writes, judged by KEDA's own scalers against a real redis-server: how many Jobs would it start?
# Skipped where tests/keda/build was not run.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
scalers=${RAIBID_TOOLS:-/var/tmp/raibid-tools}/keda/scalers
raibid=${RAIBID_CLI:-$PWD/build/raibid-cli}
if [[ ! -x $scalers ]]; then
  echo "keda: $scalers is not there: tests/keda/build makes it"
  echo "0 passed, 0 failed, 1 skipped"
  exit 0
fi
passed=0 failed=0 skipped=0 work=$(mktemp -d)
export RAIBID_HOME=$work/home
mkdir -m 700 "$RAIBID_HOME"
cleanup() {
  for preset in raibid mirai; do "$raibid" teardown redis --target local --preset "$preset" --yes --delete-data >/dev/null 2>&1; done
  rm -rf "$work"
}
trap cleanup EXIT

check() { # what, actual, expected
  if [[ $2 == "$3" ]]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $1: $2, not $3"; fi
}
install() { # preset, options
  preset=$1
  "$raibid" setup redis --target local --preset "$preset" "${@:2}" >/dev/null 2>&1 || { echo "setup of $preset failed" >&2; exit 1; }
  "$raibid" export keda --target local --preset "$preset" 2>/dev/null >"$work/$preset.yaml"
  # the round of every ten minutes is looked at by itself: here its minutes are past ones
  local past=$((($(date -u +%-M) + 30) % 60))
  sed "s|\*/10 \* \* \* \*|$past * * * *|; s|1-59/10 \* \* \* \*|$(((past + 1) % 60)) * * * *|" "$work/$preset.yaml" >"$work/now.yaml"
}
redis() { "$raibid" connect redis --target local --preset "$preset" -- redis-cli "$@"; }
password() { "$raibid" export env --target local --preset "$preset" --with-password -o json 2>/dev/null | jq -r '.REDIS_PASSWORD // ""'; }
keda() { password | "$scalers" "${2:-$work/now.yaml}" "$1"; } # running Jobs
starts() { keda "$@" | jq .start; }
job() { redis XADD raibid:jobs '*' job_id "$1" job_type build payload '{}' >/dev/null; }
take() { redis XREADGROUP GROUP raibid-workers "$1" COUNT "$2" STREAMS raibid:jobs '>' >/dev/null; }

streams() {
  local first last
  install raibid
  check "an empty queue starts nothing" "$(starts 0)" 0
  for number in 1 2 3; do job $number; done
  check "a Job for each waiting one" "$(starts 0)" 3
  check "none beside those that run" "$(starts 3)" 0
  take alive 1
  check "one of them has a job: two more" "$(starts 1)" 2
  take dead 2
  check "all were taken and every worker is dead: three again" "$(starts 0)" 3
  first=$(redis XPENDING raibid:jobs raibid-workers | sed -n 2p)
  redis XACK raibid:jobs raibid-workers "$first" >/dev/null
  check "what is done starts nothing" "$(starts 0)" 2
  job 4; job 5; job 6
  last=$(redis XREVRANGE raibid:jobs + - COUNT 2 | grep -m 2 -E '^[0-9]+-[0-9]+$' | tail -n 1)
  redis XDEL raibid:jobs "$last" >/dev/null
  check "after an XDEL KEDA sees nothing that waits" "$(keda 0 | jq ".triggers[0].value <= 0 and (.triggers[0].active | not)")" true
  check "pending ones start Jobs all the same" "$(starts 0)" 2
  redis XGROUP SETID raibid:jobs raibid-workers "$first" >/dev/null
  for id in $(redis XPENDING raibid:jobs raibid-workers - + 10 | grep -E '^[0-9]+-[0-9]+$'); do redis XACK raibid:jobs raibid-workers "$id" >/dev/null; done
  local minute; minute=$(date -u +%-M)
  sed "s|\*/10 \* \* \* \*|$minute * * * *|; s|1-59/10 \* \* \* \*|$(((minute + 2) % 60)) * * * *|" "$work/raibid.yaml" >"$work/round.yaml"
  check "with an unknown lag and nothing pending the round starts one" "$(starts 0 "$work/round.yaml")" 1
  check "KEDA takes the schedule as it is" "$(keda 0 "$work/raibid.yaml" | jq '[.triggers[] | select(.type == "cron" and .error == null)] | length')" 1
}

asynq() {
  install mirai
  check "empty queues start nothing" "$(starts 0)" 0
  redis ZADD 'asynq:{default}:scheduled' 9999999999 a 9999999998 b 9999999997 c >/dev/null
  check "scheduled tasks need one worker that moves them on" "$(starts 0)" 1
  check "and no second one" "$(starts 1)" 0
  redis DEL 'asynq:{default}:scheduled' >/dev/null
  redis ZADD 'asynq:{critical}:retry' 1 a >/dev/null
  check "so does a task that is to be tried again" "$(starts 0)" 1
  redis DEL 'asynq:{critical}:retry' >/dev/null
  redis LPUSH 'asynq:{low}:pending' a b >/dev/null
  check "a Job for each pending task" "$(starts 0)" 2
  redis RPOPLPUSH 'asynq:{low}:pending' 'asynq:{low}:active' >/dev/null
  check "a dead worker's active task counts" "$(starts 0)" 2
  check "a living one's does not" "$(starts 1)" 1
}

# With TLS: the scalers verify with what `export` gives, and nothing else; without it they see nothing.
encrypted() {
  if [[ $("$scalers" /dev/null 0 /dev/null 2>&1 </dev/null) == *please* ]]; then
    echo "keda: $scalers is of an earlier version and knows no TLS: tests/keda/build makes it anew"
    skipped=1
    return
  fi
  install raibid --tls
  for what in secret configmap; do "$raibid" export "$what" --target local 2>/dev/null >"$work/$what.yaml"; done
  job 1; job 2
  local objects=("$work/secret.yaml" "$work/configmap.yaml")
  check "with TLS a Job for each waiting one" "$(true | "$scalers" "$work/now.yaml" 0 "${objects[@]}" | jq .start)" 2
  check "without the CA the server is refused" \
    "$(true | "$scalers" "$work/now.yaml" 0 "$work/secret.yaml" 2>&1 | grep -o -m 1 'certificate signed by unknown authority' | head -n 1)" \
    "certificate signed by unknown authority"
  install raibid --tls-client-certs --yes
  check "without a client certificate the scaler is refused" \
    "$(true | "$scalers" "$work/now.yaml" 0 "${objects[@]}" 2>&1 | grep -o -m 1 'connection to redis failed' | head -n 1)" \
    "connection to redis failed"
  "$raibid" export client-certificate --target local 2>/dev/null >"$work/client.yaml"
  check "with the exported one it counts" "$(true | "$scalers" "$work/now.yaml" 0 "${objects[@]}" "$work/client.yaml" | jq .start)" 2
  "$raibid" teardown redis --target local --yes --delete-data >/dev/null 2>&1
}

streams
"$raibid" teardown redis --target local --yes --delete-data >/dev/null 2>&1
encrypted
asynq
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
