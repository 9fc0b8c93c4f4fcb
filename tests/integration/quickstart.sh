#!/bin/bash
# What quickstart decides, with kubectl, helm and raibid-cli that only tell what they were asked for.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=tests/support/checks.sh
. tests/support/checks.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

program() { printf '#!/bin/bash\n%s\n' "$2" > "$work/$1"; chmod +x "$work/$1"; }
cluster() { # what kubectl knows: context, exit code of a call to the cluster
  program "bin/kubectl" "case \"\$*\" in *current-context) echo $1 ;; *server*) echo https://10.0.0.5:6443 ;; *) exit $2 ;; esac"
}
calls() { PATH=$work/bin:$PATH "$@" > "$work/out" 2> "$work/err" < /dev/null; tr '\n' ',' < "$work/calls"; rm "$work/calls"; }
in_terminal() { script -qec "$work/quickstart" /dev/null <<< "$1"; }
# takes DESCRIPTION TARGET COMMAND…: setup and status get the target
takes() {
  local got; got=$(calls "${@:3}")
  if [[ $got == "setup redis $2,status $2," ]]; then pass "$1"; else fail "$1"; printf '         | %s\n' "$got" "$(tail -n 5 "$work/err")"; fi
}

mkdir -p "$work"/{bin,tests/support}
cp quickstart "$work/"; cp tests/support/debian.sh "$work/tests/support/"
program program "echo \"\$*\" >> $work/calls"
cat > "$work/CMakeLists.txt" <<'C'
cmake_minimum_required(VERSION 3.20)
project(programs NONE)
add_custom_target(raibid-cli COMMAND ${CMAKE_COMMAND} -E copy ${CMAKE_SOURCE_DIR}/program ${CMAKE_BINARY_DIR}/raibid-cli)
C
program bin/helm ":"

cluster dev 1
takes "a cluster that does not answer: this machine" "--target local" "$work/quickstart" --yes
check "and says so" grep -q "cluster dev (https://10.0.0.5:6443) does not answer" "$work/err"
cluster dev 0
takes "without a terminal: this machine" "--target local" "$work/quickstart"
check "and says how to take the cluster" grep -q -- "--yes takes it" "$work/err"
takes "--yes: the cluster" "--context dev" "$work/quickstart" --yes
takes "a yes: the cluster" "--context dev" in_terminal y
check "after a question with its name and server" grep -qF "on cluster dev (https://10.0.0.5:6443)?" "$work/out"
takes "a no: this machine" "--target local" in_terminal n
takes "no answer: this machine" "--target local" in_terminal ""
takes "from another directory" "--target local" env -C / "$work/quickstart"
check "ends with what to do next" grep -q "connect redis --target local -- redis-cli" "$work/out"
program program "[[ \$1 != setup ]] || exit 4"
check "setup's exit code is its own" test "$(env -C "$work" ./quickstart >/dev/null 2>&1 < /dev/null; echo $?)" = 4
check "usage is exit code 2" test "$("$work/quickstart" --all >/dev/null 2>&1; echo $?)" = 2
summary
