#!/bin/bash
# What `export alerts` and `export servicemonitor` write, taken by a real cluster in a strict server-side dry run with the kinds of
# prometheus-operator. They get a group of their own here, so that nothing else on the cluster sees kinds that would change it.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=tests/support/checks.sh
. tests/support/checks.sh
raibid=${RAIBID_CLI:-$PWD/build/raibid-cli}
module=github.com/prometheus-operator/prometheus-operator@v0.85.0
sum=h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=
[[ -n ${RAIBID_TEST_KUBECONFIG:-} ]] || { skip "prometheus-operator's kinds (RAIBID_TEST_KUBECONFIG is not set)"; summary; exit; }
command -v go jq > /dev/null || { skip "prometheus-operator's kinds (no go or no jq)"; summary; exit; }
about=$(cd / && go mod download -json "$module" 2> /dev/null) || { skip "prometheus-operator's kinds (the module cannot be had)"; summary; exit; }
[[ $(jq -r .Sum <<< "$about") == "$sum" ]] || { fail "the module is another one than it was"; summary; exit; }
kinds=$(jq -r .Dir <<< "$about")/example/prometheus-operator-crd
export KUBECONFIG=$RAIBID_TEST_KUBECONFIG
PATH=$PATH:${RAIBID_TOOLS:-/var/tmp/raibid-tools}/helm4
group=monitoring.raibid.test
work=$(mktemp -d)
export RAIBID_HOME=$work/home
mkdir -m 700 "$RAIBID_HOME"
finish() {
  kubectl delete -f "$work/kinds.yaml" --ignore-not-found --wait=false > /dev/null
  rm -rf "$work"
}
trap finish EXIT
for kind in prometheusrules servicemonitors; do
  echo ---
  sed "s/monitoring\.coreos\.com/$group/g" "$kinds/monitoring.coreos.com_$kind.yaml"
done > "$work/kinds.yaml"
kubectl apply --server-side -f "$work/kinds.yaml" > /dev/null
kubectl wait --for=condition=Established crd "prometheusrules.$group" "servicemonitors.$group" --timeout=60s > /dev/null

write() { # FILE ARGUMENTS…: an export, for the namespace default, in the other group
  "$raibid" export "${@:2}" -n default --release r1-redis 2> "$work/errors" | sed "s/monitoring\.coreos\.com/$group/g" > "$work/$1"
}
taken() { kubectl apply --dry-run=server --validate=strict -f "$work/$1"; }
made_up() { # a field that the kind does not have
  sed 's/^spec:$/spec:\n  madeUp: 1/' "$work/$1" > "$work/made-up.yaml"
  ! taken made-up.yaml
}
for preset in raibid mxclone will-it-compile mirai sla-management; do
  write rules.yaml alerts --monitoring --preset "$preset"
  check "$preset: its PrometheusRule is taken" taken rules.yaml
done
write rules.yaml alerts --monitoring --ha --backup-schedule @daily
check "several nodes and backups: the PrometheusRule is taken" taken rules.yaml
write rules.yaml alerts --monitoring --tls
check "TLS: the PrometheusRule is taken" taken rules.yaml
check "a PrometheusRule with a field that does not exist is not" made_up rules.yaml
write monitor.yaml servicemonitor
check "the ServiceMonitor is taken" taken monitor.yaml
check "a ServiceMonitor with a field that does not exist is not" made_up monitor.yaml
summary
