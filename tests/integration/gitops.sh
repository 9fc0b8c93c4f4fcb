#!/bin/bash
# What `export helm-release`, `argocd-application` and `kustomize` write: the values are setup's own, kustomize itself makes the same
# objects of the folder, and no password is in any of them.
# shellcheck disable=SC2154  # variables of checks.sh
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=tests/support/checks.sh
. tests/support/checks.sh
raibid=${RAIBID_CLI:-$PWD/build/raibid-cli}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RAIBID_HOME=$work/home
mkdir -m 700 "$RAIBID_HOME"
[[ -x ${KUBECTL:-} && -x ${HELM3:-} ]] || { skip "GitOps exports (KUBECTL and HELM3 name no programs)"; summary; exit; }

export_() { "$raibid" export "$@" -n jobs --release queue --memory-limit 1Gi -o json 2> "$work/err"; }
is() { # DESCRIPTION JQ FILE
  local got
  if got=$(jq -e "$2" "$3" 2>&1); then pass "$1"; else fail_showing "$1" "$got $(head -c 300 "$3")"; fi
}

export_ values > "$work/values.json"
export_ helm-release --source GitRepository/infra/main --chart-path ./charts/redis > "$work/flux.json"
is "helm-release: the values are those of setup" ". as \$all | .spec.values == $(jq -c . "$work/values.json")" "$work/flux.json"
is "helm-release: names, chart and source" '.apiVersion == "helm.toolkit.fluxcd.io/v2" and .kind == "HelmRelease" and
  .metadata == {name: "queue", namespace: "jobs"} and .spec.releaseName == "queue" and .spec.chart.spec == {chart: "./charts/redis",
  reconcileStrategy: "Revision", sourceRef: {kind: "GitRepository", name: "main", namespace: "infra"}}' "$work/flux.json"
export_ helm-release --chart oci://registry.example.com/charts/redis --chart-version 1.2.3 > "$work/oci.json"
is "helm-release of a chart elsewhere: its repository is a source" '.items as [$source, $release] | $source.spec == {interval: "1h",
  url: "oci://registry.example.com/charts", type: "oci"} and $release.spec.chart.spec.chart == "redis" and
  $release.spec.chart.spec.version == "1.2.3" and $release.spec.chart.spec.sourceRef.kind == "HelmRepository"' "$work/oci.json"
export_ argocd-application --repo https://git.example.com/infra.git --git-revision v1 > "$work/argo.json"
is "argocd-application: source, values and destination" ".apiVersion == \"argoproj.io/v1alpha1\" and .spec.source.path == \"charts/redis\" and
  .spec.source.targetRevision == \"v1\" and .spec.source.helm == {releaseName: \"queue\", valuesObject: $(jq -c . "$work/values.json")} and
  .spec.destination == {server: \"https://kubernetes.default.svc\", namespace: \"jobs\"}" "$work/argo.json"

refused "an invalid source" "names no source of Flux" "$raibid" export helm-release --source infra
refused "an application without a repository" "which Git repository" "$raibid" export argocd-application
refused "--set, of which only helm knows" "only helm knows" "$raibid" export helm-release --set a=b

check "kustomize: the folder is written" "$raibid" export kustomize "$work/redis" -n jobs --release queue --memory-limit 1Gi
refused "kustomize: what is there is not overwritten" "is not empty" "$raibid" export kustomize "$work/redis"
check "kustomize: and as it was" test "$(find "$work/redis" -type f | wc -l)" -gt 8
# the same objects by helm alone, put in kustomize's form and order by kustomize
mkdir "$work/plain"
"$HELM3" template queue templates/charts/redis -n jobs -f <("$raibid" export values -n jobs --release queue --memory-limit 1Gi 2> /dev/null) > "$work/plain/redis.yaml"
cp "$work/redis/namespace.yaml" "$work/plain/"
printf 'resources: [redis.yaml, namespace.yaml]\n' > "$work/plain/kustomization.yaml"
"$KUBECTL" kustomize "$work/plain" > "$work/plain.yaml" 2> "$work/err"
"$KUBECTL" kustomize --enable-helm --helm-command "$HELM3" "$work/redis" > "$work/kustomize.yaml" 2>> "$work/err"
# helm puts the namespace into each object that a chart leaves without one, kustomize's generator does not
same() { diff <(grep -v '^  namespace: jobs$' "$work/plain.yaml") <(grep -v '^  namespace: jobs$' "$work/kustomize.yaml"); }
check "kustomize makes the objects that helm makes" same
check "and there are some" test "$(grep -c '^kind: ' "$work/kustomize.yaml")" -ge 9
# the only word of a Secret is its name
if grep -riE 'password: *[^ ]' "$work"/*.json "$work/redis/values.yaml" | grep -vi 'existingSecret\|usePasswordFiles'; then fail "no password"; else pass "no password"; fi
summary
