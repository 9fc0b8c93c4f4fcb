#!/bin/bash
# What `export external-secret|push-secret|secret-provider-class|sealed-secret` write, on a real cluster: a strict
# server-side dry run against the kinds of their controllers, and the bytes that those controllers' own code makes of them.
# Skipped where tests/stores/build was not run. It brings the kinds and takes them away again; it refuses a cluster that has
# them.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
. tests/support/checks.sh
tools=${RAIBID_TOOLS:-/var/tmp/raibid-tools}
stores=$tools/stores/stores
raibid=${RAIBID_CLI:-$PWD/build/raibid-cli}
[[ -n ${RAIBID_TEST_KUBECONFIG:-} ]] || { skip "secret stores on a cluster (RAIBID_TEST_KUBECONFIG is not set)"; summary; exit; }
[[ -x $stores ]] || { skip "secret stores: $stores is not there (tests/stores/build makes it)"; summary; exit; }
export KUBECONFIG=$RAIBID_TEST_KUBECONFIG
PATH=$PATH:$tools/helm4
space="raibid-test-store-exports"
work=$(mktemp -d)
export RAIBID_HOME=$work/home RAIBID_NAMESPACE=$space RAIBID_IMAGE=redis:7-alpine RAIBID_SIZE=64Mi
export RAIBID_EXPORTER_IMAGE=oliver006/redis_exporter:v1.45.0
mkdir -m 700 "$RAIBID_HOME"

module() { (cd tests/stores && go list -m -f '{{.Dir}}' "$1"); }
external=$(module github.com/external-secrets/external-secrets)/config/crds/bases
sealed=$(module github.com/bitnami-labs/sealed-secrets)/helm/sealed-secrets/crds
driver=$(module sigs.k8s.io/secrets-store-csi-driver)/config/crd/bases
kinds=("$external/external-secrets.io_externalsecrets.yaml" "$external/external-secrets.io_pushsecrets.yaml"
  "$sealed/bitnami.com_sealedsecrets.yaml" "$driver/secrets-store.csi.x-k8s.io_secretproviderclasses.yaml")
names=(externalsecrets.external-secrets.io pushsecrets.external-secrets.io sealedsecrets.bitnami.com
  secretproviderclasses.secrets-store.csi.x-k8s.io)
there=$(kubectl get crd "${names[@]}" --ignore-not-found -o name)
if [[ $there ]]; then skip "secret stores: this cluster has their kinds, which are left alone"; summary; exit; fi

finish() {
  local kind
  "$raibid" teardown redis --yes --delete-data >/dev/null 2>&1
  for kind in "${kinds[@]}"; do kubectl delete -f "$kind" --ignore-not-found --wait=false >/dev/null; done
  kubectl delete namespace "$space" --ignore-not-found --wait=false >/dev/null
  rm -rf "$work"
}
trap finish EXIT

# a password with all that a URL, JSON, YAML and a template read otherwise
printf '%s' "pa%ss/w:o{{r}}d\"+'\\\$&=?#@1" >"$work/password"
taken() { kubectl apply --dry-run=server --validate=strict -f "$1"; }
render() { "$stores" render "$1" <"$work/password"; }
data() { kubectl -n "$space" get secret "$1" -o json | jq -c '.data'; }
equal() { # DESCRIPTION ONE OTHER: the same JSON objects
  if [[ $(jq -cS . <<<"$2") == "$(jq -cS . <<<"$3")" && $(jq length <<<"$2") -gt 0 ]]; then pass "$1"; else fail_showing "$1" "$2
$3"; fi
}
silent() { # DESCRIPTION FILE: no password in it, in no form
  if grep -qF -f "$work/password" "$2" || grep -qF "$(base64 -w0 <"$work/password")" "$2"; then
    fail "$1 has the password"
  else
    pass "no password in $1"
  fi
}
refused_field() { # FILE: with a field that the kind does not have
  ! sed 's/^spec:$/spec:\n  madeUp: 1/' "$work/$1.yaml" | kubectl apply --dry-run=server --validate=strict -f -
}
write() { # FILE ARGUMENTS…: an export
  local file=$1
  shift
  "$raibid" export "$@" >"$work/$file" 2>"$work/errors" || fail_showing "export $*" "$(cat "$work/errors")"
}

"$raibid" export external-secret --store vault --key redis >"$work/default.yaml" 2>"$work/errors"
check "without the kinds the documented version is written" grep -q '^apiVersion: external-secrets.io/v1$' "$work/default.yaml"
check "and that is said" grep -q 'this cluster serves no ExternalSecret' "$work/errors"
for kind in "${kinds[@]}"; do kubectl apply --server-side -f "$kind" >/dev/null; done
kubectl wait --for=condition=Established crd "${names[@]}" --timeout=60s >/dev/null

for preset in raibid sla-management; do
  export RAIBID_PRESET=$preset RAIBID_RELEASE=store-redis
  "$raibid" setup redis --password-file "$work/password" >"$work/setup" 2>&1 || fail_showing "setup of $preset" "$(cat "$work/setup")"
  write release.yaml external-secret --store vault --store-kind ClusterSecretStore --key redis/raibid --property password
  check "$preset: its ExternalSecret is taken" taken "$work/release.yaml"
  check "$preset: it merges into the Secret that has other users" grep -q 'creationPolicy: Merge' "$work/release.yaml"
  equal "$preset: External Secrets' engine makes the bytes that raibid-cli writes" "$(render "$work/release.yaml")" \
    "$(data store-redis | jq -c '{"redis-password", "users.acl"}')"
  silent "the ExternalSecret of $preset" "$work/release.yaml"
  "$raibid" teardown redis --yes --delete-data >/dev/null 2>&1
done

export RAIBID_PRESET=mxclone
"$raibid" setup redis --password-file "$work/password" >"$work/setup" 2>&1 || fail_showing "setup of mxclone" "$(cat "$work/setup")"
"$raibid" export secret --app-namespace "$space" >"$work/secret.yaml" 2>/dev/null
application=$(kubectl create --dry-run=client -o json -f "$work/secret.yaml" | jq -c .data)
write app.yaml external-secret --for-app --store vault --key redis --app-namespace "$space"
check "the application's ExternalSecret is taken" taken "$work/app.yaml"
equal "it makes what export secret writes: variables, URLs and files" "$(render "$work/app.yaml")" "$application"
silent "it" "$work/app.yaml"
write other.yaml external-secret --store vault --key redis --name queue-password
check "one for --existing-secret is taken" taken "$work/other.yaml"
equal "and makes the password alone" "$(render "$work/other.yaml")" "$(jq -nc --arg p "$(base64 -w0 <"$work/password")" '{"redis-password": $p}')"
write push.yaml push-secret --store vault --key redis/raibid --property password
check "the PushSecret is taken" taken "$work/push.yaml"
check "in the version that has this kind" grep -q '^apiVersion: external-secrets.io/v1alpha1$' "$work/push.yaml"
silent "the PushSecret" "$work/push.yaml"
write vault.yaml secret-provider-class --provider vault --key secret/data/redis --property password --parameter roleName=queue --app-namespace "$space"
write aws.yaml secret-provider-class --provider aws --key redis --property password --parameter region=eu-central-1 --app-namespace "$space"
write azure.yaml secret-provider-class --provider azure --key redis --parameter keyvaultName=queue --parameter tenantId=1 --app-namespace "$space"
write gcp.yaml secret-provider-class --provider gcp --key projects/1/secrets/redis/versions/latest --app-namespace "$space"
for provider in vault aws azure gcp; do
  check "the SecretProviderClass for $provider is taken" taken "$work/$provider.yaml"
  silent "the SecretProviderClass for $provider" "$work/$provider.yaml"
done
for file in release app other push vault; do check "a misspelt field would be seen in $file" refused_field "$file"; done

check "a key pair as the controller makes it" "$stores" seal-key "$work/cert.pem" "$work/key.pem"
refused "without kubeseal it is said where that is from" "install kubeseal" env PATH="$tools/helm4:/usr/bin:/bin" "$raibid" export sealed-secret --cert "$work/cert.pem"
PATH=$tools/stores:$PATH
write sealed.yaml sealed-secret --cert "$work/cert.pem" --app-namespace "$space"
check "the SealedSecret is taken" taken "$work/sealed.yaml"
silent "the SealedSecret" "$work/sealed.yaml"
equal "the controller's own code unseals what export secret writes" "$("$stores" unseal "$work/key.pem" <"$work/sealed.yaml")" "$application"
summary
