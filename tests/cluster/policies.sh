#!/bin/bash
# Every preset's NetworkPolicies on a real cluster that enforces them: pods that try to connect get through where they should, and nowhere else.
# The clients a preset names, pods with another label or in another namespace, Prometheus, the server itself, and three nodes with their proxies.
# Needs the test cluster (RAIBID_CLUSTER), which enforces policies meanwhile.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
. tests/support/checks.sh
cluster=$(realpath "${RAIBID_CLUSTER:-tests/cluster/cluster}")
cli=$(realpath "${RAIBID_CLI:-build/raibid-cli}")
[[ -n ${RAIBID_TEST_KUBECONFIG:-} ]] || { skip "policies (RAIBID_TEST_KUBECONFIG is not set)"; summary; exit; }
"$cluster" exec true 2>/dev/null || { skip "policies (it is not the test cluster)"; summary; exit; }
export KUBECONFIG=$RAIBID_TEST_KUBECONFIG
PATH=$PATH:${RAIBID_TOOLS:-/var/tmp/raibid-tools}/kubernetes
work=$(mktemp -d)
export RAIBID_HOME=$work/home RAIBID_IMAGE=redis:7-alpine RAIBID_EXPORTER_IMAGE=oliver006/redis_exporter:v1.45.0 RAIBID_PROXY_IMAGE=haproxy:2.6
# a namespace of its own for each preset; mirai's clients are in the namespace of that name, and Prometheus in `monitoring`
home_of() { echo "raibid-policy-$1"; }
presets=(raibid mirai mxclone will-it-compile sla-management)
spaces=(mirai monitoring raibid-policy-other raibid-policy-ha); for preset in "${presets[@]}"; do spaces+=("$(home_of "$preset")"); done
if kubectl get namespace "${spaces[@]}" --ignore-not-found -o name | grep .; then
  echo "these namespaces are somebody else's, or an earlier run's: they are left alone" >&2
  exit 3
fi
finish() { "$cluster" policies off; kubectl delete namespace "${spaces[@]}" --ignore-not-found --wait=false >/dev/null; rm -rf "$work"; }
trap finish EXIT
for space in "${spaces[@]}"; do kubectl create namespace "$space" >/dev/null; done

check "the cluster enforces policies" "$cluster" policies on

# A pod that tries: NAME NAMESPACE LABELS (JSON)
pod() {
  cat <<Y
---
apiVersion: v1
kind: Pod
metadata: {name: $1, namespace: $2, labels: $3}
spec: {terminationGracePeriodSeconds: 0, containers: [{name: sh, image: 'redis:7-alpine', command: [sleep, "1000"]}]}
Y
}
{
  for preset in "${presets[@]}"; do
    pod client "$(home_of "$preset")" "{role: tries, app: $preset}"
    pod stranger "$(home_of "$preset")" "{role: tries, app: other}"
  done
  pod asynqmon "$(home_of mirai)" "{role: tries, app: asynqmon}"
  pod client mirai "{role: tries, app: whatever}"
  pod stranger raibid-policy-other "{role: tries, app: other}"
  pod client raibid-policy-other "{role: tries, app: mxclone}"
  pod prometheus monitoring "{role: tries, app: prometheus}"
  pod client raibid-policy-ha "{role: tries, team: jobs}"
  pod stranger raibid-policy-ha "{role: tries, team: other}"
} | kubectl apply -f - >/dev/null

# tries NAMESPACE/POD HOST:PORT…: prints those that it can connect to, and "tried". A refusal is answered at once; what is dropped ends after two seconds.
tries() {
  local pod=$1 script
  shift
  # shellcheck disable=SC2016 # for the pod's shell
  script='for at; do { timeout 2 bash -c ": < /dev/tcp/${at%:*}/${at##*:}" 2>/dev/null && echo "$at"; } & done; wait; echo tried'
  kubectl exec -q -n "${pod%/*}" "${pod#*/}" -- bash -c "$script" tries "$@" | sort
}
# reaches DESCRIPTION NAMESPACE/POD "WHAT IT REACHES…" "WHAT IT DOES NOT…": each is HOST:PORT. The network learns of a new pod some seconds late.
reaches() {
  local got wanted end=$((SECONDS + 20))
  wanted=$(printf '%s\n' $3 tried | sort)
  # shellcheck disable=SC2086 # lists
  until got=$(tries "$2" $3 $4) && [[ $got == "$wanted" ]]; do
    if ((SECONDS >= end)); then fail_showing "$1" "it reaches: $got; it should reach: $wanted"; return; fi
    sleep 0.5
  done
  pass "$1"
}
kubectl wait pod -A -l role=tries --for=condition=Ready --timeout=120s >/dev/null

# jobs_get_in DESCRIPTION NAMESPACE: each CronJob that setup made there does its work
jobs_get_in() {
  local cron
  for cron in $(kubectl get cronjob -n "$2" -o jsonpath='{.items[*].metadata.name}'); do
    kubectl create job -n "$2" --from="cronjob/$cron" "$cron-now" >/dev/null
    check "$1: the job $cron reaches Redis" kubectl wait -n "$2" "job/$cron-now" --for=condition=Complete --timeout=60s
  done
}

for preset in "${presets[@]}"; do
  space=$(home_of "$preset")
  check "$preset: setup" "$cli" setup redis --preset "$preset" -n "$space" --adopt
  release=$("$cli" status redis --preset "$preset" -n "$space" -o json | jq -r .release.name)
  server=$release-master-0 redis=$release-master.$space:6379
  metrics=$(kubectl get pod -n "$space" "$server" -o jsonpath='{.status.podIP}'):9121
  other=raibid-policy-other/stranger
  case $preset in
    raibid) allowed=("$space/client" "$other" mirai/client) refused=() ;;   # names no client: the whole cluster may
    mirai) allowed=(mirai/client "$space/asynqmon") refused=("$space/client" "$other") ;;
    mxclone) allowed=("$space/client") refused=("$space/stranger" "$other" raibid-policy-other/client mirai/client) ;;
    *) allowed=("$space/client") refused=("$space/stranger" "$other") ;;
  esac
  if ! kubectl get pod -n "$space" "$server" -o jsonpath='{.spec.containers[*].name}' | grep -qw metrics; then metrics=; fi
  for one in "${allowed[@]}"; do reaches "$preset: $one reaches Redis, and not its exporter" "$one" "$redis" "$metrics"; done
  for one in "${refused[@]}"; do reaches "$preset: $one reaches nothing" "$one" "" "$redis $metrics"; done
  if [[ $preset == raibid ]]; then reaches "$preset: Prometheus reaches the exporter, too" monitoring/prometheus "$redis $metrics" ""
  else reaches "$preset: Prometheus reaches the exporter at most" monitoring/prometheus "$metrics" "$redis"; fi
  reaches "$preset: Redis reaches DNS, and nothing else" "$space/$server" "kube-dns.kube-system:53" "kubernetes.default:443"
  jobs_get_in "$preset" "$space"
done

space=raibid-policy-ha
setup=(setup redis --ha -n "$space" --adopt --allow-from "$space/team=jobs" -y)
check "three nodes: setup" "$cli" "${setup[@]}"
check "three nodes: they find each other, and the proxies find the master" "$cli" status redis -n "$space"
address=raibid-redis-master.$space:6379 nodes='' sentinels='' metrics=''
for node in 0 1 2; do
  nodes+=" raibid-redis-master-$node.$space:6379" sentinels+=" raibid-redis-master-$node.$space:26379"
  metrics+=" $(kubectl get pod -n "$space" "raibid-redis-master-$node" -o jsonpath='{.status.podIP}'):9121"
done
reaches "three nodes: a client reaches the address, the nodes and their sentinels" "$space/client" "$address$nodes$sentinels" "$metrics"
for one in "$space/stranger" raibid-policy-other/stranger; do
  reaches "three nodes: $one reaches nothing" "$one" "" "$address$nodes$sentinels$metrics"
done
reaches "three nodes: Prometheus reaches nothing but the exporters" monitoring/prometheus "${metrics# }" "$address$nodes$sentinels"
own=$(kubectl get pod -n "$space" raibid-redis-master-0 -o jsonpath="{.status.podIP}"):9121   # within the pod
reaches "three nodes: a node reaches the others and DNS, and nothing else" "$space/raibid-redis-master-0" "${nodes# }$sentinels kube-dns.kube-system:53" \
  "kubernetes.default:443 ${metrics/$own/}"
jobs_get_in "three nodes" "$space"
check "three nodes: failover" "$cli" failover redis -n "$space" -y
check "three nodes: all is well afterwards" "$cli" status redis -n "$space" --wait=1m
summary
