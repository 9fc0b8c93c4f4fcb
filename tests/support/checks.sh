# Sourced by the shell tests: prints and counts checks, and ends with the line that tests/run adds up.
passed=0 failed=0 skipped=0

pass() { echo "ok       $1"; passed=$((passed + 1)); }
fail() { echo "FAILED   $1"; failed=$((failed + 1)); }
skip() { echo "skipped  $1"; skipped=$((skipped + 1)); }

# check DESCRIPTION COMMAND...: passes when the command succeeds; its output is shown when it does not.
check() {
  local what=$1 output
  shift
  if output=$("$@" 2>&1); then pass "$what"; else fail "$what"; sed 's/^/         | /' <<<"${output:-(no output)}" | head -n 20; fi
}

# refused DESCRIPTION TEXT COMMAND...: passes when the command fails and its output contains the text.
refused() {
  local what=$1 text=$2 output
  shift 2
  if output=$("$@" 2>&1); then fail "$what (it was accepted)"
  elif [[ $output == *"$text"* ]]; then pass "$what"
  else fail "$what"; sed 's/^/         | /' <<<"$output" | head -n 20; fi
}

summary() {
  echo "$passed passed, $failed failed, $skipped skipped"
  ((failed == 0))
}

# The helm binaries to test with: $HELM (one or more), else both majors of the test cluster's tools, else the one on PATH.
helms() {
  local tools=${RAIBID_TOOLS:-/var/tmp/raibid-tools} found
  found=${HELM:-$(ls "$tools"/helm[34]/helm 2>/dev/null || command -v helm)}
  printf '%s\n' $found
}
