#!/bin/bash
# What the program writes with -o json, on a real Redis of this machine, against the schemas in docs/schemas.
# shellcheck disable=SC2154  # variables of checks.sh
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=tests/support/checks.sh
. tests/support/checks.sh
raibid=${RAIBID_CLI:-$PWD/build/raibid-cli}
work=$(mktemp -d)
export RAIBID_HOME=$work/home RAIBID_TARGET=local RAIBID_OUTPUT=json RAIBID_RELEASE=schemas
mkdir -m 700 "$RAIBID_HOME"
mkdir "$work/out" "$work/backups"
cleanup() {
  "$raibid" teardown redis --yes --delete-data > /dev/null 2>&1
  rm -rf "$work"
}
trap cleanup EXIT
/usr/bin/python3 -c 'import jsonschema' 2> /dev/null || { skip "schemas (python3-jsonschema is not installed)"; summary; exit; }

# writes SCHEMA.WHAT COMMAND…: keeps what the command writes; what is wrong with it is found at the end.
writes() {
  local file=$work/out/$1.json
  shift
  "$raibid" "$@" > "$file" 2> "$work/err" < /dev/null || echo "$?: $* ($(head -n 1 "$work/err"))" >> "$work/failed"
}

writes setup.plan setup redis --dry-run
writes setup.done setup redis
writes setup.again setup redis
writes setup.diff setup redis --memory-limit 1Gi --diff
writes setup.grown setup redis --memory-limit 1Gi --restart
writes history.two history redis
writes rollback.dry rollback redis --dry-run
writes rollback.done rollback redis --yes
writes text.support support redis --dry-run
writes text.config config set size 8Gi
writes text.unset config unset size
writes text.backup backup redis "$work/backups" --dry-run
writes support.archive support redis "$work/support.tar.gz"
writes bundle.archive bundle redis "$work/bundle.tar.gz"
writes status.one status redis
writes status.all status --all
writes doctor.local doctor redis
writes smoke.dry smoke redis --dry-run
writes smoke.done smoke redis
writes url.local url redis
writes images.kubernetes images redis --target kubernetes
writes credentials.ls credentials ls
writes credentials.show credentials show --with-password
writes config.show config show
writes presets.list presets list
writes version.now version
writes queue-add.job queue add --field job_id=1 --field job_type=test --field payload=
printf '{"job_id":"%s","job_type":"test","payload":""}\n' 2 3 > "$work/jobs"
writes queue-add.file queue add "$work/jobs"
writes queue-stats.now queue stats
writes queue-jobs.ls queue ls
writes queue-jobs.dead queue dead ls
writes queue-top.one queue top --looks 1
writes queue-pause.on queue pause
writes queue-pause.off queue resume
writes queue-work.all queue work --until-empty -- true
writes queue-trim.dry queue trim --max-length 1 --dry-run
writes queue-trim.done queue trim --max-length 1 --yes
writes queue-repair-lag.now queue repair-lag
writes queue-action.none queue retry --all --yes
writes queue-action.rm queue rm --yes 1-1
writes backup.taken backup redis "$work/backups"
writes backup-ls.all backup ls "$work/backups"
for file in "$work"/backups/*.rdb; do writes backup-verify.one backup verify "$file"; done
writes backup-drill.newest backup drill "$work/backups"
writes backup-prune.dry backup prune "$work/backups" --keep 1
writes restore.newest restore redis "$work/backups" --yes
writes credentials-change.two credentials rotate --yes
writes credentials-change.end credentials rotate --finish --yes
writes teardown.dry teardown redis --dry-run
writes teardown.kept teardown redis --yes
writes teardown.gone teardown redis --yes --delete-data
writes teardown.nothing teardown redis --yes
writes error.usage setup redis --size 8X
writes error.absent url redis

# each fails for a reason: a job that is not there, no such Redis, a mistake
expected='1: queue rm --yes 1-1
2: setup redis --size 8X
6: url redis'
if [[ $(sed 's/ (.*//' "$work/failed" | sort) == "$expected" ]]; then pass "what fails is what should"; else fail_showing "what fails is what should" "$(cat "$work/failed")"; fi

while read -r verdict what; do
  if [[ $verdict == ok ]]; then pass "$what"; else fail "$what"; fi
done < <(/usr/bin/python3 tests/support/validate.py "$work/out" 2>&1)

names=$(RAIBID_OUTPUT=name "$raibid" presets list)
if [[ $names == *mirai* && $(wc -l <<< "$names") -ge 5 ]]; then pass "presets list -o name"; else fail_showing "presets list -o name" "$names"; fi
summary
