# shellcheck shell=bash
# Sourced by the shell tests: prints and counts checks, and ends with the line that tests/run adds up.
passed=0 failed=0 skipped=0

pass() { echo "ok       $1"; passed=$((passed + 1)); }
fail() { echo "FAILED   $1"; failed=$((failed + 1)); }
skip() { echo "skipped  $1"; skipped=$((skipped + 1)); }

fail_showing() { # DESCRIPTION OUTPUT
  fail "$1"
  printf '%s\n' "${2:-(no output)}" | head -n 20 | sed 's/^/         | /'
}

# check DESCRIPTION COMMAND...: passes when the command succeeds; its output is shown when it does not.
check() {
  local what=$1 output
  shift
  if output=$("$@" 2>&1); then pass "$what"; else fail_showing "$what" "$output"; fi
}

# refused DESCRIPTION TEXT COMMAND...: passes when the command fails and its output contains the text.
refused() {
  local what=$1 text=$2 output
  shift 2
  if output=$("$@" 2>&1); then
    fail_showing "$what (it was accepted)" "$output"
  elif [[ $output == *"$text"* ]]; then
    pass "$what"
  else
    fail_showing "$what" "$output"
  fi
}

summary() {
  echo "$passed passed, $failed failed, $skipped skipped"
  ((failed == 0))
}

# The helm binaries to test with: $HELM (one or more), the one that tests/run chose, both majors of its tools, or the one on PATH.
helms() {
  # shellcheck disable=SC2086 # HELM is a list
  printf '%s\n' ${HELM:-${RAIBID_HELM:-$(ls "${RAIBID_TOOLS:-/var/tmp/raibid-tools}"/helm[34]/helm 2>/dev/null || command -v helm)}}
}
