#!/bin/bash
# tests/run itself, on a folder with suites made for it.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=tests/support/checks.sh
. tests/support/checks.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset RAIBID_TEST_KUBECONFIG

suite() { printf '#!/bin/bash\n%s\n' "$2" > "$work/$1"; chmod +x "$work/$1"; }
doctest() { # program, what it prints, exit code: a test program as far as tests/run can tell
  suite "programs/$1_tests" "if [[ \$* == *--count* ]]; then echo '[doctest] unskipped test cases passing the current filters: 7'; exit; fi
    echo \"\$*\" >> $work/arguments; printf '$2\n[doctest] assertions: 9 | 9 passed | 0 failed |\n[doctest] Status: ?\n'; exit ${3:-0}"
}
cases() { printf '[doctest] test cases:  9 | %3d passed | %d failed | %d skipped' "$@"; }
run() { "$work/tests/run" "$@" > "$work/out" 2> "$work/err"; echo "$? $(tail -n 1 "$work/out")"; }
# ends DESCRIPTION "EXIT-CODE LAST LINE" ARGUMENTS…
ends() {
  local got; got=$(run "${@:3}")
  if [[ $got == "$2" ]]; then pass "$1"; else fail "$1"; printf '         | %s\n' "$got, not $2" "$(tail -n 5 "$work/err")"; fi
}

mkdir -p "$work"/{programs,tests/{unit,integration,cluster,support}}
cp tests/run "$work/tests/"; cp tests/support/debian.sh "$work/tests/support/"
cat > "$work/CMakeLists.txt" <<'C'
cmake_minimum_required(VERSION 3.20)
project(programs NONE)
add_custom_target(programs ALL COMMAND ${CMAKE_COMMAND} -E copy_directory ${CMAKE_SOURCE_DIR}/programs ${CMAKE_BINARY_DIR}/tests)
C
suite quickstart ":"; suite .ci ":"
suite tests/cluster/build ":"
suite tests/cluster/cluster "echo kubeconfig"
suite tests/cluster/selftest "echo 1 passed, 0 failed, 0 skipped"
doctest unit "$(cases 3 0 0)"
doctest integration "$(cases 4 0 1)"
doctest cluster "$(cases 5 0 0)"
suite tests/integration/script.sh "echo 2 passed, 0 failed, 1 skipped"

# the cluster's: two halves for each Helm major, and what runs alone
ends "the counts of all suites" "0 36 passed, 0 failed, 2 skipped"
ends "--fast leaves the cluster out" "0 10 passed, 0 failed, 2 skipped" --fast
ends "--only" "0 4 passed, 0 failed, 0 skipped" --only unit
: > "$work/arguments"
ends "a filter chooses scripts" "0 6 passed, 0 failed, 1 skipped" --only integration script
check "and test cases" grep -qxF -- '--test-case=*script*' "$work/arguments"
suite tests/integration/settings.sh "echo \"\$RAIBID_CLI \${RAIBID_NAMESPACE:-}\" > $work/settings; echo 1 passed, 0 failed, 0 skipped"
RAIBID_NAMESPACE=mine ends "a developer's settings" "0 5 passed, 0 failed, 0 skipped" --only integration settings
check "do not reach the tests" grep -qxF "$work/build/raibid-cli " "$work/settings"
rm "$work/tests/integration/settings.sh"
ends "an unknown option is a usage error" "2 " --unknown

suite tests/cluster/build "[[ \${1:-} ]] || exit 77"
ends "without a cluster its tests are skipped" "0 0 passed, 0 failed, 7 skipped" --only cluster
suite tests/cluster/build "[[ \${1:-} ]] || exit 1"
ends "a cluster that cannot be made is a failure" "1 0 passed, 1 failed, 0 skipped" --only cluster

doctest unit "TEST CASE:  one\n\nfile:1: MESSAGE: skipped: no redis-server\n$(cases 3 0 0)"
ends "a test case that says it is skipped counts as skipped" "0 3 passed, 0 failed, 1 skipped" --only unit
doctest unit "$(cases 2 1 0)" 1
ends "a failed test case" "1 3 passed, 1 failed, 0 skipped" --only unit
doctest unit "$(cases 3 0 0)" 139
ends "a program that ends badly" "1 4 passed, 1 failed, 0 skipped" --only unit
doctest unit "$(cases 0 0 0)"
ends "a program that runs nothing" "1 1 passed, 1 failed, 0 skipped" --only unit
suite programs/unit_tests "echo Segmentation fault"
ends "a program without a summary" "1 1 passed, 1 failed, 0 skipped" --only unit
suite tests/integration/script.sh "echo 2 passed, 1 failed, 0 skipped"
ends "a script's failure counts though it exits 0" "1 6 passed, 1 failed, 1 skipped" --only integration
doctest unit "$(cases 3 0 0)"
suite tests/integration/script.sh "for"
ends "a script that shellcheck refuses" "1 3 passed, 1 failed, 0 skipped" --only unit
echo 'message(FATAL_ERROR no)' >> "$work/CMakeLists.txt"
ends "a build that fails" "1 0 passed, 1 failed, 0 skipped" --fast
summary
