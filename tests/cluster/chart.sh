#!/bin/bash
# The embedded chart on a real cluster, by every helm given (HELM). RAIBID_TEST_KUBECONFIG names the cluster;
# RAIBID_CLUSTER the program of the test cluster, which is needed for one check only: an image made here.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
. tests/support/checks.sh
chart=templates/charts/redis
cluster=${RAIBID_CLUSTER:-tests/cluster/cluster}
tools=${RAIBID_TOOLS:-/var/tmp/raibid-tools}
images=image.tag=7-alpine,metrics.image.tag=v1.45.0
password=chart-test-default-$RANDOM$RANDOM$RANDOM
exporter_password=chart-test-exporter-$RANDOM$RANDOM$RANDOM
work=$(mktemp -d)
namespace=
finish_namespace() {
  [[ -z $namespace ]] || kubectl delete namespace "$namespace" --wait=false >/dev/null
  namespace=
}
finish() {
  finish_namespace
  rm -rf "$work"
}
trap finish EXIT

[[ -n ${RAIBID_TEST_KUBECONFIG:-} ]] || { skip "the chart on a cluster (RAIBID_TEST_KUBECONFIG is not set)"; summary; exit; }
export KUBECONFIG=$RAIBID_TEST_KUBECONFIG
PATH=$PATH:$tools/kubernetes

k() { kubectl -n "$namespace" "$@"; }
sha() { printf '%s' "$1" | sha256sum | cut -d' ' -f1; }
install() { "$helm" upgrade --install "$1" "$chart" -n "$namespace" --set "$images" "${@:2}" >/dev/null; }
ready() { k wait --for=condition=Ready "pod/$1-master-0" --timeout=60s; }
# ask RELEASE REDIS COMMAND…: answered as the default user; the password goes in by standard input
ask() { printf '%s\n' "AUTH $password" "${*:2}" | k exec -i "$1-master-0" -c redis -- "$cli" | tail -n +2; }
ask_openly() { printf '%s\n' "${*:2}" | k exec -i "$1-master-0" -c redis -- "$cli"; }
ask_service() { printf '%s\n' "AUTH $password" PING | k exec -i "$1-master-0" -c redis -- "$cli" -h "$1-master"; }
# A Service answers a moment after its pod is Ready: when kube-proxy knows.
eventually() {
  local output
  for _ in {1..50}; do output=$("$@" 2>&1) && return; sleep 0.1; done
  echo "$output"
  return 1
}
says() { local want=$1 got; got=$("${@:2}"); [[ $got == "$want" ]] || { echo "got: $got"; return 1; }; }
contains() { local want=$1 got; got=$("${@:2}"); [[ $got == *"$want"* ]] || { echo "got: $got"; return 1; }; }
metrics() { k get --raw "/api/v1/namespaces/$namespace/services/$1-metrics:http-metrics/proxy/metrics"; }
pod_uid() { k get pod "$1-master-0" -o jsonpath='{.metadata.uid}'; }

make_secret() {
  local exporter="-@all +info +config|get +client|setname +latency|latest +latency|histogram +slowlog|len +slowlog|get"
  exporter+=" +command|info +select +xinfo|stream +xinfo|groups +xinfo|consumers"
  printf '%s\n' "user default on #$(sha "$password") ~* &* +@all" 'user health on nopass -@all +ping' \
    "user exporter on #$(sha "$exporter_password") ~raibid:jobs $exporter" > "$work/users.acl"
  jq -n --rawfile acl "$work/users.acl" --arg name "$1" --arg password "$password" --arg exporter "$exporter_password" '
    {apiVersion: "v1", kind: "Secret", metadata: {name: $name}, stringData: {"redis-password": $password, "users.acl": $acl,
    "exporter.json": ({"redis://127.0.0.1:6379": $exporter, "redis://exporter@127.0.0.1:6379": $exporter,
      "unix:///run/redis/redis.sock": $exporter, "unix://exporter@/run/redis/redis.sock": $exporter} | tojson)}}' | k create -f -
}

install_and_ask() {
  local since=$EPOCHREALTIME
  check "install, in a namespace that enforces the restricted profile" install raibid-redis \
    --set "metrics.enabled=true,metrics.extraArgs.check-single-streams=raibid:jobs"
  check "pod Ready" ready raibid-redis
  echo "         Ready $(awk "BEGIN {printf \"%.1f\", $EPOCHREALTIME - $since}") s after the install began"
  check "PONG with the password" says PONG ask raibid-redis PING
  check "NOAUTH without it" contains NOAUTH ask_openly raibid-redis PING
  check "health may PING" says $'OK\nPONG' ask_openly raibid-redis $'AUTH health x\nPING'
  check "health may do nothing else" contains NOPERM ask_openly raibid-redis $'AUTH health x\nGET a'
  check "the Service answers by its name" eventually says $'OK\nPONG' ask_service raibid-redis
  check "AOF everysec, noeviction, 307 MB" says $'everysec\nyes\n321912832\nnoeviction' config_values
  check "redis-server is PID 1" contains redis-server in_redis cat /proc/1/cmdline
  check "read-only root" refuses_writing /tmp/written
  check "/data can be written" in_redis sh -c 'echo > /data/written'
  check "no service-account token" in_redis sh -c '! [ -e /var/run/secrets ]'
  check "of the Secret, Redis' container has users.acl alone" says "ping.sh redis.conf start.sh users.acl " \
    in_redis sh -c 'for f in /etc/redis/*; do printf "%s " "${f##*/}"; done'
  check "everything is found by one label" says \
    "ConfigMap ConfigMap NetworkPolicy PersistentVolumeClaim Pod Service Service Service StatefulSet" labelled_kinds
}
in_redis() { k exec raibid-redis-master-0 -c redis -- "$@"; }
refuses_writing() { ! in_redis sh -c "echo > $1" 2>&1; }
config_values() { ask raibid-redis CONFIG GET appendonly appendfsync maxmemory maxmemory-policy | paste - - | sort | cut -f2; }
labelled_kinds() {
  k get pod,svc,sts,cm,pvc,networkpolicy -l app.kubernetes.io/instance=raibid-redis -o json | jq -r '[.items[].kind] | sort | join(" ")'
}

exporter_works() {
  check "a stream and a group" says OK ask raibid-redis XGROUP CREATE raibid:jobs raibid-workers 0 MKSTREAM
  check "the log of refusals emptied" says OK ask raibid-redis ACL LOG RESET
  check "exporter: redis_up 1" contains $'\nredis_up 1\n' metrics raibid-redis
  check "exporter: the stream's groups" contains 'redis_stream_groups{db="db0",stream="raibid:jobs"} 1' metrics raibid-redis
  check "exporter: nothing that it asks is refused" says "" ask raibid-redis ACL LOG
  check "exporter's user reads no data" contains NOPERM ask_openly raibid-redis "AUTH exporter $exporter_password"$'\nXRANGE raibid:jobs - +'
}

# On a cluster of this machine all processes of a pod are in /proc here: those whose cgroup names its UID.
watch_processes() { # UID, file: writes down what they show, for three seconds and until a probe, which is short, was caught at work
  local since=$SECONDS cgroup file words=()
  while ((SECONDS - since < 3)) || { ((SECONDS - since < 60)) && ! grep -aq "ping.sh ready" "$2"; }; do
    while read -r cgroup; do # without a process for each of them: the scan has to be faster than a probe
      for file in cmdline environ; do
        { mapfile -d '' -t words < "${cgroup%cgroup}$file" && echo "${words[*]}"; } 2>/dev/null # it may be gone
      done
    done < <(grep -lsE "${1//-/[-_]}" /proc/[0-9]*/cgroup) >> "$2"
  done
}
absent() { ! grep -aoE "$1" "$2"; }
all_present() { local word; for word in "${@:2}"; do grep -aq "$word" "$1" || { echo "no $word"; return 1; }; done; }

no_password_anywhere() {
  local secret="$password|$exporter_password"
  local uid
  uid=$(pod_uid raibid-redis)
  if ! grep -qsE "${uid//-/[-_]}" /proc/[0-9]*/cgroup; then
    skip "no password in the pod's processes (its node is another machine)"
  else
    watch_processes "$uid" "$work/processes"
    check "the scan saw server, exporter and a probe at work" all_present "$work/processes" "redis-server \*" redis.password-file "ping.sh ready"
    check "no password in cmdline or environ of any process" absent "$secret|REDISCLI_AUTH|requirepass" "$work/processes"
  fi
  k get pod,sts,cm,events -o yaml > "$work/objects"
  "$helm" -n "$namespace" get all raibid-redis >> "$work/objects"
  k get secret -l owner=helm -o json | jq -r '.items[].data.release' | base64 -d | base64 -d | gunzip >> "$work/objects"
  check "the release, ConfigMaps and events were read" all_present "$work/objects" 'redis.conf' '"manifest"' 'kind: Event'
  check "no password in any of them" absent "$secret" "$work/objects"
}

changes_and_rollback() {
  local before
  before=$(pod_uid raibid-redis)
  check "a key to find again" says OK ask raibid-redis SET found again
  check "upgrade that changes maxmemory alone" install raibid-redis --reuse-values --set-string master.configuration='maxmemory 200mb'
  check "… rolls nothing" says "1 $before" rolled
  check "upgrade that needs a restart" install raibid-redis --reuse-values --set-string master.configuration='databases 4'
  check "… is a new pod" eventually_other_pod "$before"
  check "… with the data of the last second" says again ask raibid-redis GET found
  check "upgrade to an image that is not there" install raibid-redis --reuse-values --set image.tag=none,image.pullPolicy=Never
  check "… stays" k wait pod/raibid-redis-master-0 --timeout=60s \
    --for=jsonpath='{.status.containerStatuses[?(@.name=="redis")].state.waiting.reason}'=ErrImageNeverPull
  check "rollback" "$helm" -n "$namespace" rollback raibid-redis
  check "… heals it, since pods are managed in parallel" rolled_out
  check "uninstall" "$helm" -n "$namespace" uninstall raibid-redis --wait
  check "… the pod goes with it" k wait --for=delete pod/raibid-redis-master-0 --timeout=60s
  check "the claim stays" says Bound k get pvc redis-data-raibid-redis-master-0 -o jsonpath='{.status.phase}'
  check "install again" install raibid-redis
  check "… Ready" ready raibid-redis
  check "… and the data is there" says again ask raibid-redis GET found
  check "uninstall again" "$helm" -n "$namespace" uninstall raibid-redis --wait
}
rolled() { rolled_out >/dev/null && k get sts raibid-redis-master -o json | jq -r '.status.updatedReplicas' | tr '\n' ' ' && pod_uid raibid-redis; }
rolled_out() { k rollout status sts/raibid-redis-master --timeout=60s; }
eventually_other_pod() { rolled_out && [[ $(pod_uid raibid-redis) != "$1" ]]; }

without_authentication() {
  check "without authentication and persistence: install" install open-redis --set auth.enabled=false,master.persistence.enabled=false,metrics.enabled=true
  check "… Ready" ready open-redis
  check "… PONG through its Service" eventually says PONG k exec open-redis-master-0 -c redis -- "$cli" -h open-redis-master ping
  check "… redis_up 1" contains $'\nredis_up 1\n' metrics open-redis
  check "… no claim" says "" k get pvc -l app.kubernetes.io/instance=open-redis -o name
  check "… uninstall" "$helm" -n "$namespace" uninstall open-redis --wait
}

make_certificate() { # FILE; of an authority that is its own
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/$1.key" -out "$work/$1.crt" -subj "/CN=$1" -days 2 2>/dev/null
}
certificate_secret() { # VERB FILE
  k create secret generic secure-redis-tls --from-file=tls.crt="$work/$2.crt" --from-file=tls.key="$work/$2.key" --from-file=ca.crt="$work/$2.crt" \
    --dry-run=client -o yaml | k "$1" -f -
}
tls_ask() { # CERTIFICATE COMMAND…: over TLS, by the Service's name, with the mounted files for client and authority
  local files=(--cacert /etc/tls/ca.crt --cert /etc/tls/tls.crt --key /etc/tls/tls.key)
  [[ $1 == yes ]] || files=(--cacert /etc/tls/ca.crt)
  printf '%s\n' "AUTH $password" "${*:2}" | k exec -i secure-redis-master-0 -c redis -- "$cli" -h secure-redis-master -p "${tls_port:-6379}" --tls "${files[@]}" 2>&1 | tail -n +2
}
on_socket() { printf '%s\n' "AUTH $password" "$*" | k exec -i secure-redis-master-0 -c redis -- "$cli" -s /run/redis/redis.sock | tail -n +2; }
plain_ask() { printf '%s\n' "AUTH $password" PING | k exec -i secure-redis-master-0 -c redis -- "$cli" -h secure-redis-master 2>&1; }
tls_fails() { ! contains PONG tls_ask "$@" >/dev/null; }
plain_fails() { ! contains PONG plain_ask >/dev/null; }
file_follows() { [[ $(k exec secure-redis-master-0 -c redis -- cat /etc/tls/tls.crt) == "$(cat "$work/$1.crt")" ]]; }
with_tls() {
  local since uid
  make_certificate first && make_certificate second
  check "TLS: the Secret" certificate_secret create first
  check "TLS: install, with client certificates" install secure-redis --set auth.existingSecret=raibid-redis,tls.enabled=true,tls.authClients=true,metrics.enabled=true
  check "TLS: Ready" ready secure-redis
  check "TLS: PONG through the Service" eventually says PONG tls_ask yes PING
  check "TLS: a client without a certificate is refused" tls_fails no PING
  check "TLS: a plain client is refused" plain_fails
  check "TLS: the exporter asks over the socket" eventually contains $'\nredis_up 1\n' metrics secure-redis
  uid=$(pod_uid secure-redis)
  check "TLS: another certificate in the Secret" certificate_secret replace second
  since=$EPOCHREALTIME
  k annotate pod secure-redis-master-0 raibid-cli/tls=second >/dev/null
  check "TLS: … comes into the pod" eventually_long file_follows second
  echo "         in the pod $(awk "BEGIN {printf \"%.1f\", $EPOCHREALTIME - $since}") s after the annotation"
  check "TLS: CONFIG SET loads it" says OK on_socket CONFIG SET tls-cert-file /etc/tls/tls.crt tls-key-file /etc/tls/tls.key tls-ca-cert-file /etc/tls/ca.crt
  check "TLS: … and it is served" says PONG tls_ask yes PING
  check "TLS: … by the same pod" says "$uid" pod_uid secure-redis
  check "migrating: upgrade" install secure-redis --reuse-values --set tls.migrate=true,tls.authClients=false
  check "migrating: rolled out" eventually_rolled secure-redis
  check "migrating: a plain client" eventually contains PONG plain_ask
  tls_port=6380 check "migrating: a TLS client on 6380" eventually says PONG tls_ask no PING
  check "TLS: uninstall" "$helm" -n "$namespace" uninstall secure-redis --wait
}
eventually_rolled() { k rollout status "sts/$1-master" --timeout=60s; }
eventually_long() { for _ in {1..10}; do eventually "$@" && return; done; return 1; }

# The redis image under Valkey's names, and no other: as if it were valkey/valkey.
make_valkey_image() {
  local root=$work/root file
  [[ -x $cluster && -f $tools/images/redis.tar ]] || return
  mkdir "$root" && tar -xOf "$tools/images/redis.tar" layer.tar | tar -x -C "$root" || return
  for file in server cli; do cp -L "$root/usr/bin/redis-$file" "$root/usr/bin/valkey-$file" || return; done # a link on Debian
  rm -f "$root"/usr/bin/redis-*
  "$cluster" archive "$root" docker.io/valkey/valkey:chart-test \
    '{"Env":["PATH=/usr/bin:/bin"],"Cmd":["valkey-server"],"WorkingDir":"/data"}' "$work/valkey.tar" && "$cluster" load "$work/valkey.tar"
}
valkey() {
  local cli=valkey-cli
  check "an image with valkey-server alone: install" install valkey-redis \
    --set image.repository=valkey/valkey,image.tag=chart-test,auth.existingSecret=raibid-redis
  check "… Ready" ready valkey-redis
  check "… PONG with the password" says PONG ask valkey-redis PING
  check "… valkey-server is PID 1" contains valkey-server k exec valkey-redis-master-0 -- cat /proc/1/cmdline
  check "… uninstall" "$helm" -n "$namespace" uninstall valkey-redis --wait
}

cli=redis-cli
mapfile -t all < <(helms)
make_valkey_image > "$work/image.log" 2>&1 && have_valkey=yes
for helm in "${all[@]}"; do
  version=$("$helm" version --short)
  echo "-- $version"
  namespace=chart-$$-${version:1:1}
  kubectl create namespace "$namespace" >/dev/null
  kubectl label namespace "$namespace" pod-security.kubernetes.io/enforce=restricted >/dev/null
  check "the Secret" make_secret raibid-redis
  install_and_ask
  exporter_works
  no_password_anywhere
  changes_and_rollback
  without_authentication
  with_tls
  if [[ -n ${have_valkey:-} ]]; then valkey; else skip "an image with valkey-server alone (the cluster takes no images from here)"; fi
  finish_namespace
done
summary
