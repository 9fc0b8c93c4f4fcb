#!/bin/bash
# The embedded chart as Helm renders it, and its scripts on the machine's own redis-server. HELM: one or more helm binaries.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
. tests/support/checks.sh
chart=templates/charts/redis
work=$(mktemp -d)
server_pid=
finish() {
  [[ -z $server_pid ]] || kill -9 "$server_pid" 2>/dev/null
  rm -rf "$work"
}
trap finish EXIT

# Helm itself turns what it rendered into JSON: a chart of one template that reads the manifests as a file.
mkdir -p "$work/json/templates"
printf '%s\n' 'apiVersion: v2' 'name: json' 'version: 0.1.0' > "$work/json/Chart.yaml"
cat > "$work/json/templates/list.yaml" <<'T'
{{- $items := list }}
{{- range regexSplit "(?m)^---$" (.Files.Get "manifests.yaml") -1 }}{{ with fromYaml . }}{{ $items = append $items . }}{{ end }}{{ end }}
{{- dict "kind" "List" "items" $items | toJson }}
T
# render ARGUMENTS OF helm template…: the objects as one JSON list in $work/objects.json
render() {
  "$helm" template raibid-redis "$chart" -n raibid-redis "$@" > "$work/json/manifests.yaml" && "$helm" template json "$work/json" | sed -n '/^{/p' > "$work/objects.json"
}
renders() { check "$1" render "${@:2}"; }
# has DESCRIPTION JQ: about the objects rendered last; $o["Kind/name"] is one object
has() { check "$1" jq -e '(.items | map({key: "\(.kind)/\(.metadata.name)", value: .}) | from_entries) as $o | ($o["StatefulSet/raibid-redis-master"].spec.template) as $pod | '"$2" "$work/objects.json"; }
checksum() { render "$@" >/dev/null && jq -r '.items[] | select(.kind == "StatefulSet").spec.template.metadata.annotations["checksum/restart"]' "$work/objects.json"; }
same_checksum() { [[ -n $(checksum) && $(checksum) == "$(checksum "$@")" ]]; }
other_checksum() { local other; other=$(checksum "$@") && [[ -n $other && $other != "$(checksum)" ]]; }

default_objects() {
  renders "default values render"
  has "names and kinds are the ones everybody knows" '$o | keys == ["ConfigMap/raibid-redis-configuration", "ConfigMap/raibid-redis-scripts",
    "NetworkPolicy/raibid-redis", "Service/raibid-redis-headless", "Service/raibid-redis-master", "StatefulSet/raibid-redis-master"]'
  has "every object carries the labels of its release" 'all(.items[]; .metadata.labels | .["app.kubernetes.io/name"] == "redis" and
    .["app.kubernetes.io/instance"] == "raibid-redis" and .["app.kubernetes.io/managed-by"] == "Helm" and .["helm.sh/chart"] == "redis-0.1.0")'
  has "no chart version in a selector, the pod or the claim" '$o["StatefulSet/raibid-redis-master"].spec | [.selector, .template.metadata, .volumeClaimTemplates] | tojson | contains("helm.sh") | not'
  has "the claim carries the instance label" '$o["StatefulSet/raibid-redis-master"].spec.volumeClaimTemplates[0].metadata | .name == "redis-data" and .labels["app.kubernetes.io/instance"] == "raibid-redis"'
  has "one replica, Parallel, claims retained" '$o["StatefulSet/raibid-redis-master"].spec | .replicas == 1 and .podManagementPolicy == "Parallel" and
    .serviceName == "raibid-redis-headless" and .persistentVolumeClaimRetentionPolicy == {whenScaled: "Retain", whenDeleted: "Retain"}'
  has "the official image, pinned" '$pod.spec.containers[0].image == "docker.io/library/redis:8.10.2"'
  has "the pod passes the restricted profile, without a token" '$pod.spec | .automountServiceAccountToken == false and .enableServiceLinks == false and .terminationGracePeriodSeconds == 60 and
    .securityContext == {runAsNonRoot: true, runAsUser: 999, runAsGroup: 999, fsGroup: 999, fsGroupChangePolicy: "OnRootMismatch", seccompProfile: {type: "RuntimeDefault"}} and
    .containers[0].securityContext == {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: ["ALL"]}}'
  has "probes: readiness at once and every second, no startupProbe" '$pod.spec.containers[0] | .readinessProbe.initialDelaySeconds == 0 and .readinessProbe.periodSeconds == 1 and
    .livenessProbe.failureThreshold >= 5 and (has("startupProbe") | not)'
  has "of the Secret, only users.acl reaches Redis" '[$pod.spec.volumes[].projected.sources[]?.secret | values] == [{name: "raibid-redis", items: [{key: "users.acl", path: "users.acl"}]}] and
    ($pod | tojson | contains("redis-password") | not) and ([$pod.spec.containers[] | has("env") or has("envFrom")] | any | not)'
  has "redis.conf: AOF everysec, noeviction, 307 MB, no password" '$o["ConfigMap/raibid-redis-configuration"].data["redis.conf"] | split("\n") as $lines |
    ["appendonly yes", "appendfsync everysec", "aof-load-truncated yes", "save \"\"", "maxmemory 307mb", "maxmemory-policy noeviction", "aclfile /etc/redis/users.acl", "protected-mode yes"] - $lines == [] and
    (tojson | test("requirepass|masterauth") | not)'
  has "network policy: the cluster's pods reach 6379, DNS is all that Redis reaches" '$o["NetworkPolicy/raibid-redis"].spec | .policyTypes == ["Ingress", "Egress"] and
    .ingress == [{ports: [{port: 6379}], from: [{namespaceSelector: {}}]}] and (.egress | length == 1 and all(.[0].ports[]; .port == 53) and (.[0].to | length == 1))'
}

values_reach_objects() {
  renders "metrics render" --set metrics.enabled=true --set 'metrics.extraArgs.check-single-streams=db0=raibid:jobs' --set metrics.serviceMonitor.enabled=true
  has "exporter: its own user, its password from a file, only exporter.json mounted" '$pod.spec | .containers[1] as $e | ($e.args | index("--redis.user=exporter") and index("--redis.password-file=/etc/exporter/exporter.json")) and
    ($e.args | index("--check-single-streams=db0=raibid:jobs")) and [$e.volumeMounts[].name] == ["exporter"] and (.volumes[] | select(.name == "exporter").secret.items) == [{key: "exporter.json", path: "exporter.json"}]'
  has "Service for metrics on 9121" '$o["Service/raibid-redis-metrics"].spec.ports[0].port == 9121'
  has "metrics only from the namespace monitoring unless told" '$o["NetworkPolicy/raibid-redis"].spec.ingress[1] == {ports: [{port: 9121}], from: [{namespaceSelector: {matchLabels: {"kubernetes.io/metadata.name": "monitoring"}}}]}'
  has "no ServiceMonitor without its API" '[.items[].kind] | index("ServiceMonitor") | not'
  renders "ServiceMonitor renders where its API is" --set metrics.enabled=true,metrics.serviceMonitor.enabled=true,metrics.serviceMonitor.additionalLabels.release=prometheus -a monitoring.coreos.com/v1
  has "ServiceMonitor selects the metrics Service" '($o["Service/raibid-redis-metrics"].metadata.labels) as $l | $o["ServiceMonitor/raibid-redis"] | .metadata.labels.release == "prometheus" and (.spec.selector.matchLabels | to_entries | all($l[.key] == .value))'

  renders "without authentication renders" --set auth.enabled=false,metrics.enabled=true
  has "without authentication: no Secret anywhere, protected-mode no" '([$pod.spec.volumes[] | .secret, (.projected.sources[]?.secret)] | map(values) | length == 0) and ($pod.spec.containers[1].args | map(select(test("user|password"))) == []) and
    ($o["ConfigMap/raibid-redis-configuration"].data["redis.conf"] | contains("protected-mode no") and (contains("aclfile") | not))'
  renders "without persistence renders" --set master.persistence.enabled=false
  has "without persistence: an emptyDir and no claim" '($o["StatefulSet/raibid-redis-master"].spec | has("volumeClaimTemplates") | not) and any($pod.spec.volumes[]; .name == "redis-data" and .emptyDir == {})'

  renders "named clients render" --set networkPolicy.allowExternal=false,networkPolicy.ingressNSMatchLabels.team=ci,networkPolicy.ingressNSPodMatchLabels.app=worker --set-json 'networkPolicy.extraIngress=[{"from":[{"podSelector":{}}]}]'
  has "named clients: those pods of those namespaces, labelled pods of this one, extra rules" '$o["NetworkPolicy/raibid-redis"].spec.ingress == [{ports: [{port: 6379}], from: [{podSelector: {matchLabels: {"raibid-redis-client": "true"}}},
    {namespaceSelector: {matchLabels: {team: "ci"}}, podSelector: {matchLabels: {app: "worker"}}}]}, {from: [{podSelector: {}}]}]'
  renders "nobody named renders" --set networkPolicy.allowExternal=false,metrics.enabled=true
  has "nobody named: no rule is open to everybody" '[$o["NetworkPolicy/raibid-redis"].spec.ingress[].from | length] | all(. > 0)'

  renders "images, claim and labels render" --set global.imageRegistry=mirror.local,image.digest=sha256:$(printf '%064d' 0),image.repository=valkey/valkey,image.pullSecrets='{a}',global.imagePullSecrets='{b,a}' \
    --set master.persistence.size=20Gi,master.persistence.storageClass=-,commonLabels.team=ci,commonAnnotations.note=x,master.podLabels.p=1x,master.podAnnotations.q=2x,master.service.ports.redis=7000 \
    --set master.nodeSelector.disk=ssd,master.priorityClassName=high,auth.existingSecret=other --set-json 'master.tolerations=[{"operator":"Exists"}]'
  has "registry, digest and pull secrets" '$pod.spec | .containers[0].image == "mirror.local/valkey/valkey@sha256:" + ("0" * 64) and .imagePullSecrets == [{name: "b"}, {name: "a"}]'
  has "claim's size and class" '$o["StatefulSet/raibid-redis-master"].spec.volumeClaimTemplates[0].spec | .resources.requests.storage == "20Gi" and .storageClassName == ""'
  has "common labels on objects and pods, never in a selector" 'all(.items[]; .metadata.labels.team == "ci" and .metadata.annotations.note == "x") and $pod.metadata.labels.team == "ci" and
    $pod.metadata.labels.p == "1x" and $pod.metadata.annotations.q == "2x" and ([.items[].spec | values | .selector, .podSelector] | tojson | contains("team") | not)'
  has "Service port, Secret and scheduling" '$o["Service/raibid-redis-master"].spec.ports[0].port == 7000 and ($pod.spec | .nodeSelector.disk == "ssd" and .priorityClassName == "high" and .tolerations == [{operator: "Exists"}] and any(.volumes[]; .projected.sources[2].secret.name == "other"))'
  renders "extra objects render" --set-json 'extraDeploy=[{"apiVersion":"v1","kind":"Service","metadata":{"name":"redis-service"},"spec":{"externalName":"{{ include \"redis.fullname\" . }}-master"}},"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: text-{{ .Release.Name }}}"]'
  has "extra objects, as objects and as strings" '$o["Service/redis-service"].spec.externalName == "raibid-redis-master" and ($o | has("ConfigMap/text-raibid-redis"))'
  check "a release without redis in its name becomes <release>-redis" grep -q 'name: jobs-redis-master' <("$helm" template jobs "$chart")
  check "fullnameOverride is the name" grep -q 'name: queue-master' <("$helm" template jobs "$chart" --set fullnameOverride=queue)
}

refusals() {
  local set
  for set in foo=1 auth.password=x global.imageRegsitry=x master.persistance.size=1Gi networkPolicy.metrics.open=true metrics.serviceMonitor.labels.a=b replica.replicaCount=1; do
    refused "unknown key $set is refused" "dditional propert" "$helm" template r "$chart" --set "$set"
  done
  while IFS='|' read -r set text; do
    refused "$set is refused" "$text" "$helm" template r "$chart" --set "$set"
  done <<'T'
architecture=replication|architecture
auth.enabled=perhaps|enabled
auth.usePasswordFiles=false|usePasswordFiles
image.tag=7|tag
image.digest=latest|digest
image.pullPolicy=Sometimes|pullPolicy
master.persistence.size=8Gx|size
master.resources.limits.memory=-1Mi|memory
master.service.ports.redis=70000|redis
master.readinessProbe.periodSeconds=0|periodSeconds
metrics.extraArgs.redis\.password=x|redis.password
commonLabels.a=1|commonLabels
extraDeploy=x|extraDeploy
commonConfiguration=requirepass x|requirepass
master.configuration="user" x on|user
master.configuration=Port 7000|Port
fullnameOverride=a123456789a123456789a123456789a123456789a12345|45
T
}

# On the machine's redis-server, CONFIG SET each parameter to the value it has: what is refused needs a restart.
restart_only_for_what_needs_it() {
  check "maxmemory, save and other settings of a running server change no checksum" same_checksum --set master.configuration='maxmemory 100mb' --set commonConfiguration=$'save 60 1\nappendonly no\nhz 20\n# databases 3'
  check "resources, labels and the network policy change no checksum" same_checksum --set commonLabels.a=b,networkPolicy.enabled=false,master.resources.limits.memory=1Gi
  check "databases changes it" other_checksum --set master.configuration='databases 4'
  check "so does a directive in capitals and quotes" other_checksum --set master.configuration='"IO-Threads" 4'
  check "so does rename-command" other_checksum --set master.configuration='rename-command FLUSHALL ""'
  if [[ ! -f $work/refused ]]; then skip "the directives that CONFIG SET refuses (no redis-server here)"; return; fi
  # the chart with one template more, which shows the lines that count
  cp -r "$chart" "$work/shown" && echo '{{ include "redis.restart" . }}' > "$work/shown/templates/shown.txt"
  sed 's/.*/& x/' "$work/parameters" | grep -vE '^(requirepass|masterauth|tls-key-file-pass|aclfile|port|dir|daemonize) ' > "$work/all.conf"
  printf '%s\n' 'apiVersion: v1' 'kind: ConfigMap' 'metadata: {name: shown}' 'data:' '  lines: {{ include "redis.restart" . | toJson }}' > "$work/shown/templates/shown.yaml"; rm "$work/shown/templates/shown.txt"
  "$helm" template r "$work/shown" --set-file commonConfiguration="$work/all.conf" -s templates/shown.yaml | sed -n 's/^  lines: //p' | jq -r . | awk 'NF {print $1}' | sort -u > "$work/counted"
  check "exactly the directives that CONFIG SET refuses count ($(wc -l < "$work/refused") of $(wc -l < "$work/parameters"))" diff "$work/refused" "$work/counted"
}

free_port() { local p; for p in $(shuf -i 20001-32000 -n 50); do (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null || { echo "$p"; return; }; done; }
stop_server() { [[ -z $server_pid ]] || { kill -9 "$server_pid"; wait "$server_pid" 2>/dev/null; server_pid=; }; }
eventually() { for _ in {1..100}; do "$@" && return; sleep 0.05; done; return 1; }
answers() { redis-cli -p "$port" ping >/dev/null 2>&1; }

ask_redis_what_it_refuses() {
  command -v redis-server redis-cli >/dev/null || return
  port=$(free_port)
  redis-server --port "$port" --bind 127.0.0.1 --dir "$work" --save '' >"$work/log" 2>&1 & server_pid=$!
  eventually answers || { cat "$work/log"; return; }
  redis-cli -p "$port" config get '*' | paste -d'\t' - - | sort > "$work/config"
  cut -f1 "$work/config" > "$work/parameters"
  while IFS=$'\t' read -r name value; do
    [[ $(redis-cli -p "$port" config set "$name" "$value") =~ immutable|protected ]] && echo "$name"
  done < "$work/config" | grep -vE '^(aclfile|dir|daemonize)$' > "$work/refused.own"
  # the chart's own lines always count
  printf '%s\n' aclfile dir daemonize logfile pidfile | sort -u - "$work/refused.own" > "$work/refused"
  stop_server
}

# start_script NAME SHELL...: what the pod starts, with paths and port of this machine, where only NAME-server and NAME-cli are on PATH
start_script() {
  local name=$1 home=$work/pod; shift
  rm -rf "$home" && mkdir -p "$home/bin" "$home/data" && port=$(free_port)
  ln -s "$(command -v redis-server)" "$home/bin/$name-server"
  printf '#!/bin/sh\nexec %s -p %s "$@"\n' "$(command -v redis-cli)" "$port" > "$home/bin/$name-cli" && chmod +x "$home/bin/$name-cli"
  if [[ $1 == *busybox ]]; then ln -s "$1" "$home/bin/timeout"; else ln -s "$(command -v timeout)" "$home/bin/timeout"; fi
  printf '%s\n' "user default on #$(printf secret | sha256sum | cut -d' ' -f1) ~* &* +@all" 'user health on nopass -@all +ping' > "$home/users.acl"
  for file in redis.conf start.sh ping.sh; do
    jq -r --arg file $file '.items[] | select(.kind == "ConfigMap").data[$file] | values' "$work/objects.json" |
      sed -e "s|/etc/redis|$home|; s|^dir /data|dir $home/data|; s|^port 6379|port $port|" -e "s|^bind .*|bind 127.0.0.1|" > "$home/$file"
  done
  PATH=$home/bin "$@" "$home/start.sh" >"$home/log" 2>&1 & server_pid=$!
  eventually answers || cat "$home/log"
}
probe() { PATH=$work/pod/bin "${shell[@]}" "$work/pod/ping.sh" "$1"; }
as_default() { REDISCLI_AUTH=secret redis-cli -p "$port" "$@" 2>&1; }
no_probe() { ! probe "$1"; }
accepted() { [[ $(as_default "$@") == OK ]]; }
is_busy() { [[ $(as_default ping) == *BUSY* ]]; }
make_busy() { # until the server is stopped
  accepted config set busy-reply-threshold 50
  as_default eval 'while true do end' 0 >/dev/null &
}

scripts_on_this_machine() {
  local name shell
  for name in redis valkey; do
    for shell in "$(command -v dash)" "$(command -v busybox) sh" "$(command -v bash)"; do
      read -ra shell <<<"$shell"
      [[ -x ${shell[0]} ]] || { skip "$name-server alone, by busybox (not here)"; continue; }
      local with="$name-server alone, ${shell[*]##*/}"
      render >/dev/null
      start_script $name "${shell[@]}"
      check "$with: the server took the shell's place" test "$(readlink -f "/proc/$server_pid/exe")" = "$(readlink -f "$(command -v redis-server)")"
      check "$with: ready" probe ready
      check "$with: alive" probe alive
      check "$with: the password works, AOF is on" test "$(as_default config get appendonly | tail -n 1)" = yes
      [[ $name == valkey || ${shell[0]} == *bash ]] || probe_verdicts "$with"
      stop_server
    done
  done
  render --set auth.enabled=false >/dev/null; start_script valkey "${shell[@]}"
  check "without authentication: ready" probe ready
  check "without authentication: alive" probe alive
  stop_server
}
probe_verdicts() {
  accepted config set maxclients 1
  exec 3<>"/dev/tcp/127.0.0.1/$port"
  check "$1: out of clients is not ready" no_probe ready
  check "$1: out of clients is alive" probe alive
  exec 3>&-
  eventually accepted config set maxclients 100 # the server notices a moment later that its one client left
  as_default acl deluser health >/dev/null
  check "$1: NOAUTH is not ready" no_probe ready
  check "$1: NOAUTH is alive" probe alive
  accepted acl load
  make_busy
  check "$1: a busy server" eventually is_busy
  check "$1: BUSY is not ready" no_probe ready
  check "$1: BUSY is alive" probe alive
  kill -STOP "$server_pid"
  check "$1: silence is not alive" no_probe alive
  stop_server
  check "$1: a refused connection is not alive" no_probe alive
}

ask_redis_what_it_refuses
mapfile -t all < <(helms)
((${#all[@]})) && [[ -n ${all[0]} ]] || { skip "the chart (no helm: set HELM)"; summary; exit; }
for helm in "${all[@]}"; do
  echo "-- $("$helm" version --short)"
  check "helm lint --strict" "$helm" lint --strict "$chart"
  default_objects
  values_reach_objects
  refusals
  restart_only_for_what_needs_it
done
if command -v redis-server redis-cli jq >/dev/null; then scripts_on_this_machine; else skip "the pod's scripts (no redis-server here)"; fi
summary
