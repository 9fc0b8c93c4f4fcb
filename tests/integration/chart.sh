#!/bin/bash
# The embedded chart as Helm renders it, and its scripts on the machine's own redis-server. HELM: one or more helm binaries.
# shellcheck disable=SC2016 # the $ in single quotes are jq's and Helm's
set -uo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
. tests/support/checks.sh
chart=templates/charts/redis
work=$(mktemp -d)
server_pid=
finish() {
  stop_server
  rm -rf "$work"
}
trap finish EXIT

# Helm itself turns what it rendered into JSON: a chart of one template that reads the manifests as a file.
mkdir -p "$work/json/templates"
printf '%s\n' 'apiVersion: v2' 'name: json' 'version: 0.1.0' > "$work/json/Chart.yaml"
cat > "$work/json/templates/list.yaml" <<'T'
{{- $items := list }}
{{- range regexSplit "(?m)^---$" (.Files.Get "manifests.yaml") -1 }}
{{- with fromYaml . }}{{ $items = append $items . }}{{ end }}
{{- end }}
{{- dict "kind" "List" "items" $items | toJson }}
T
# render ARGUMENTS OF helm template…: the objects as one JSON list in $work/objects.json
render() {
  "$helm" template raibid-redis "$chart" -n raibid-redis "$@" > "$work/json/manifests.yaml" || return
  "$helm" template json "$work/json" | sed -n '/^{/p' > "$work/objects.json"
}
renders() { check "$1" render "${@:2}"; }
# has DESCRIPTION JQ: about the objects rendered last, all of them ($o["Kind/name"]) or the ones asked about most
has() {
  check "$1" jq -e '.items as $all | ($all | map({key: "\(.kind)/\(.metadata.name)", value: .}) | from_entries) as $o
    | $o["StatefulSet/raibid-redis-master"].spec as $set | $set.template as $pod | $set.volumeClaimTemplates[0] as $claim
    | $pod.spec.containers as [$redis, $exporter] | $o["NetworkPolicy/raibid-redis"].spec as $policy
    | ($o["ConfigMap/raibid-redis-configuration"].data["redis.conf"] | split("\n")) as $conf | '"$2" "$work/objects.json"
}
checksum() { render "$@" >/dev/null && jq -r '.items[] | select(.kind == "StatefulSet").spec.template.metadata.annotations[]' "$work/objects.json"; }
same_checksum() { [[ -n $(checksum) && $(checksum) == "$(checksum "$@")" ]]; }
other_checksum() { local other; other=$(checksum "$@") && [[ -n $other && $other != "$(checksum)" ]]; }

default_objects() {
  renders "default values render"
  has "names and kinds are the ones everybody knows" '$o | keys == ["ConfigMap/raibid-redis-configuration",
    "ConfigMap/raibid-redis-scripts", "NetworkPolicy/raibid-redis", "Service/raibid-redis-headless", "Service/raibid-redis-master",
    "StatefulSet/raibid-redis-master"]'
  has "every object carries the labels of its release" 'all($all[]; .metadata.labels == {"app.kubernetes.io/name": "redis",
    "app.kubernetes.io/instance": "raibid-redis", "app.kubernetes.io/component": "master",
    "app.kubernetes.io/managed-by": "Helm", "helm.sh/chart": "redis-0.1.0"})'
  has "no chart version in a selector, the pod or the claim" '[$set.selector, $pod.metadata, $claim] | tojson | contains("helm.sh") | not'
  has "pod and claim carry the instance label" '[$pod, $claim][].metadata.labels["app.kubernetes.io/instance"] == "raibid-redis"'
  has "the claim's name and size" '$claim | .metadata.name == "redis-data" and .spec.resources.requests.storage == "8Gi" and
    (.spec | has("storageClassName") | not)'
  has "one replica, Parallel, claims retained" '$set.replicas == 1 and $set.podManagementPolicy == "Parallel" and
    $set.serviceName == "raibid-redis-headless" and $set.persistentVolumeClaimRetentionPolicy == {whenScaled: "Retain", whenDeleted: "Retain"}'
  has "the official image, pinned" '$redis.image == "docker.io/library/redis:8.10.2"'
  has "the pod: not root, no token, 60 s to stop" '$pod.spec | .automountServiceAccountToken == false and
    .enableServiceLinks == false and .terminationGracePeriodSeconds == 60 and .securityContext == {runAsNonRoot: true, runAsUser: 999,
    runAsGroup: 999, fsGroup: 999, fsGroupChangePolicy: "OnRootMismatch", seccompProfile: {type: "RuntimeDefault"}}'
  has "the container: read-only, no capability" '$redis.securityContext ==
    {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: ["ALL"]}}'
  has "readiness at once, few probes, no startupProbe" '$redis.readinessProbe.initialDelaySeconds == 0 and
    $redis.readinessProbe.periodSeconds == 10 and $redis.livenessProbe.periodSeconds * $redis.livenessProbe.failureThreshold >= 60 and ($redis | has("startupProbe") | not)'
  has "of the Secret, only users.acl reaches Redis" '[$pod.spec.volumes[] | .secret, .projected.sources[]?.secret | values] ==
    [{name: "raibid-redis", items: [{key: "users.acl", path: "users.acl"}]}] and ($redis | has("env") or has("envFrom") | not)'
  has "redis.conf: AOF everysec, noeviction, 307 MB, users from the file" '["appendonly yes", "appendfsync everysec",
    "aof-load-truncated yes", "save \"\"", "maxmemory 307mb", "maxmemory-policy noeviction", "aclfile /etc/redis/users.acl",
    "protected-mode yes"] - $conf == []'
  has "network policy: the cluster's pods reach 6379" '$policy.policyTypes == ["Ingress", "Egress"] and
    $policy.ingress == [{ports: [{port: 6379}], from: [{namespaceSelector: {}}]}]'
  has "network policy: DNS is all that Redis reaches" '$policy.egress == [{ports: [{port: 53, protocol: "UDP"}, {port: 53,
    protocol: "TCP"}], to: [{namespaceSelector: {matchLabels: {"kubernetes.io/metadata.name": "kube-system"}}}]}]'
}

pod_labels() {
  renders "a component of the preset's renders" --set-json 'master.podLabels={"app.kubernetes.io/component": "redis", "team": "a"}'
  has "the pod, its StatefulSet's selector and the Service agree on the component" '[$pod.metadata.labels, $set.selector.matchLabels,
    $o["Service/raibid-redis-master"].spec.selector | .["app.kubernetes.io/component"]] == ["redis", "redis", "redis"] and
    $pod.metadata.labels.team == "a"'
}

metrics() {
  local values=(--set "metrics.enabled=true,metrics.serviceMonitor.enabled=true,metrics.serviceMonitor.additionalLabels.release=prometheus")
  renders "metrics render" "${values[@]}" --set 'metrics.extraArgs.check-single-streams=db0=raibid:jobs'
  has "exporter: a user of its own, its password from a file" '$exporter.args == ["--redis.addr=redis://127.0.0.1:6379",
    "--redis.user=exporter", "--redis.password-file=/etc/exporter/exporter.json", "--check-single-streams=db0=raibid:jobs"]'
  has "exporter: only exporter.json is mounted" '[$exporter.volumeMounts[].name] == ["exporter"] and
    ($pod.spec.volumes[] | select(.name == "exporter").secret.items) == [{key: "exporter.json", path: "exporter.json"}]'
  has "exporter: pinned, as confined as Redis" '($exporter.image | test(":v[0-9.]+$")) and $exporter.securityContext == $redis.securityContext'
  has "the Services of Redis publish it whatever becomes of the exporter" '[$o["Service/raibid-redis-master", "Service/raibid-redis-headless",
    "Service/raibid-redis-metrics"].spec.publishNotReadyAddresses] == [true, true, null]'
  has "Service for metrics on 9121" '$o["Service/raibid-redis-metrics"].spec.ports[0].port == 9121'
  has "metrics only for the namespace monitoring unless told" '$policy.ingress[1] == {ports: [{port: 9121}],
    from: [{namespaceSelector: {matchLabels: {"kubernetes.io/metadata.name": "monitoring"}}}]}'
  has "no ServiceMonitor without its API" '[$all[].kind] | index("ServiceMonitor") | not'
  renders "ServiceMonitor renders where its API is" "${values[@]}" -a monitoring.coreos.com/v1
  has "ServiceMonitor selects the Service for metrics" '$o["Service/raibid-redis-metrics"].metadata.labels as $labels
    | $o["ServiceMonitor/raibid-redis"] | .metadata.labels.release == "prometheus" and
    (.spec.selector.matchLabels | to_entries | length == 3 and all($labels[.key] == .value))'
}

tls() {
  renders "TLS renders" --set tls.enabled=true,metrics.enabled=true
  has "TLS: port 6379 speaks nothing else" '["port 0", "tls-port 6379", "tls-cert-file /etc/tls/tls.crt", "tls-key-file /etc/tls/tls.key",
    "tls-ca-cert-file /etc/tls/ca.crt", "tls-auth-clients no", "tls-replication yes", "unixsocket /run/redis/redis.sock",
    "unixsocketperm 770"] - $conf == [] and ([$conf[] | select(startswith("port "))] == ["port 0"])'
  has "TLS: three keys of the Secret, readable by the group, in Redis alone" '($pod.spec.volumes[] | select(.name == "tls").secret) as $secret |
    $secret.secretName == "raibid-redis-tls" and $secret.defaultMode == 288 and [$secret.items[].path] == ["tls.crt", "tls.key", "ca.crt"] and
    [$pod.spec.containers[] | select(any(.volumeMounts[]; .name == "tls")).name] == ["redis"]'
  has "TLS: the exporter uses the socket, which only this pod has" '$exporter.args[0] == "--redis.addr=unix:///run/redis/redis.sock" and
    ($pod.spec.volumes[] | select(.name == "socket")) == {name: "socket", emptyDir: {}} and
    all($pod.spec.containers[]; any(.volumeMounts[]; . == {name: "socket", mountPath: "/run/redis"}))'
  has "TLS: the probes use the socket" '$o["ConfigMap/raibid-redis-scripts"].data["ping.sh"] | contains("-s /run/redis/redis.sock")'
  has "TLS: Service and port keep their names" '$o["Service/raibid-redis-master"].spec.ports == [{name: "tcp-redis", port: 6379, targetPort: "redis"}]'
  renders "TLS with client certificates and another Secret renders" \
    --set tls.enabled=true,tls.authClients=true,tls.existingSecret=mine,tls.certFilename=a.crt,tls.certKeyFilename=a.key,tls.certCAFilename=a-ca.crt \
    --set trim.schedule=@hourly --set-json "$trimmed"
  has "another Secret: its keys" '["tls-cert-file /etc/tls/a.crt", "tls-key-file /etc/tls/a.key", "tls-ca-cert-file /etc/tls/a-ca.crt",
    "tls-auth-clients yes"] - $conf == [] and ($pod.spec.volumes[] | select(.name == "tls").secret | .secretName == "mine" and
    [.items[].key] == ["a.crt", "a.key", "a-ca.crt"])'
  has "trimming shows a certificate" '$o["ConfigMap/raibid-redis-trim"].data["trim.sh"] |
    contains("--tls --cacert /etc/trim/a-ca.crt --cert /etc/trim/a.crt --key /etc/trim/a.key --user trim")'
  renders "TLS with trimming renders" --set tls.enabled=true,trim.schedule=@hourly --set-json "$trimmed"
  has "trimming trusts the CA and has no key" '($o["ConfigMap/raibid-redis-trim"].data["trim.sh"] | contains("-p 6379 --tls --cacert /etc/trim/ca.crt --user")) and
    [$o["CronJob/raibid-redis-trim"].spec.jobTemplate.spec.template.spec.volumes[].projected.sources[].secret | values | .items[].key] ==
    ["trim-password", "ca.crt"]'
  renders "migrating renders" --set tls.enabled=true,tls.migrate=true,networkPolicy.allowExternal=false,trim.schedule=@hourly --set-json "$trimmed"
  has "migrating: plain on 6379, TLS on 6380" '["port 6379", "tls-port 6380"] - $conf == [] and
    $redis.ports == [{name: "redis", containerPort: 6379}, {name: "redis-tls", containerPort: 6380}]'
  has "migrating: both Services have both ports" 'all($o["Service/raibid-redis-master", "Service/raibid-redis-headless"];
    .spec.ports == [{name: "tcp-redis", port: 6379, targetPort: "redis"}, {name: "tcp-redis-tls", port: 6380, targetPort: "redis-tls"}])'
  has "migrating: clients reach both ports" '[$policy.ingress[].ports] == [[{port: 6379}, {port: 6380}], [{port: 6379}, {port: 6380}]]'
  has "migrating: trimming uses TLS" '$o["ConfigMap/raibid-redis-trim"].data["trim.sh"] | contains("-p 6380 --tls")'
  renders "without the pod's security context TLS renders" --set tls.enabled=true,master.podSecurityContext.enabled=false
  has "without it the exporter, which has another user, reaches the socket" '$conf | index("unixsocketperm 777")'
  renders "reading the certificate again renders" --set tls.enabled=true,tls.authClients=true,tls.reload.schedule=@daily,networkPolicy.allowExternal=false
  has "a CronJob reads the certificate again: as confined as Redis, no secret in environment or arguments" '$o["CronJob/raibid-redis-tls"].spec as $cron |
    $cron.jobTemplate.spec.template.spec as $job | $cron.schedule == "@daily" and $job.automountServiceAccountToken == false and
    $job.securityContext == $pod.spec.securityContext and $job.containers[0].securityContext == $redis.securityContext and
    $job.containers[0].image == $redis.image and ($job.containers[0] | has("env") or has("envFrom") | not) and
    ($job.containers[0].command[2] | contains("--user tls --askpass") and
      contains("CONFIG SET tls-cert-file /etc/tls/tls.crt tls-key-file /etc/tls/tls.key tls-ca-cert-file /etc/tls/ca.crt"))'
  has "… it gets in, and no Service leads to it" '$o["CronJob/raibid-redis-tls"].spec.jobTemplate.spec.template.metadata.labels as $labels |
    any($policy.ingress[]; .from[0].podSelector.matchLabels // {} | length == 2 and (to_entries | all($labels[.key] == .value))) and
    all($all[] | select(.kind == "Service").spec.selector | to_entries; any(.[]; $labels[.key] != .value))'
  renders "without TLS a schedule renders" --set tls.reload.schedule=@daily
  has "without TLS there is nothing to read again" '$o["CronJob/raibid-redis-tls"] == null'
  check "reading it again changes no checksum" same_tls_checksum --set tls.reload.schedule=@daily
  check "asking for client certificates or not changes no checksum" same_tls_checksum --set tls.authClients=true
}
same_tls_checksum() { [[ $(checksum --set tls.enabled=true) == "$(checksum --set tls.enabled=true "$@")" ]]; }

# Whoever has a standalone Redis of an older version keeps its pod: the template of it is what it was before there was replication. A change that
# restarts every Redis at the next setup has to be meant; then these two are new.
same_pods_as_ever() {
  local values=(--set "tls.enabled=true,metrics.enabled=true,trim.schedule=@hourly" --set-json "$trimmed")
  local template='.items[] | select(.kind == "StatefulSet").spec'
  render >/dev/null
  check "the StatefulSet of a standalone Redis is as ever" test "$(jq -Sc "$template" "$work/objects.json" | sha256sum)" = "$as_ever  -"
  has "… and nothing of replication is there" '[$all[] | .kind, .metadata.name] | join(" ") | test("Deployment|proxy|Budget") | not'
  render "${values[@]}" >/dev/null
  check "… with TLS and metrics, too" test "$(jq -Sc "$template" "$work/objects.json" | sha256sum)" = "$as_ever_with_more  -"
}
as_ever=6176c44d54ca5a58afb14e0575c1ae2c79fd7d2018cdac7f1f3cee1d42b1f7bd
as_ever_with_more=431c652465078f011bb71c1274f40eaee7d1263ab7abd0e909c3cfccb7290507

replication() {
  local values=(--set "architecture=replication,metrics.enabled=true,trim.schedule=@hourly" --set-json "$trimmed")
  renders "replication renders" "${values[@]}"
  has "replication: three pods of the same StatefulSet, with a sentinel each" '$set.replicas == 3 and $set.minReadySeconds == 10 and $set.podManagementPolicy == "Parallel" and
    [$pod.spec.containers[].name] == ["redis", "sentinel", "metrics"] and $set.serviceName == "raibid-redis-headless"'
  has "replication: the sentinel is as confined as Redis, and has its file on the claim" '$pod.spec.containers[1] as $sentinel | $sentinel.securityContext == $redis.securityContext and
    $sentinel.image == $redis.image and $sentinel.command == ["sh", "/etc/redis/ha.sh", "sentinel"] and any($sentinel.volumeMounts[]; .name == "redis-data" and .mountPath == "/data")'
  has "replication: each container mounts what it reads, and no secret is in environment or arguments" '
    ([$pod.spec.volumes[] | select(.name == "configuration").projected.sources[].secret | values | .items[].key] == ["users.acl", "replication.conf", "internal-password"]) and
    ([$pod.spec.volumes[] | select(.name == "sentinel").projected.sources[] | (.secret // .configMap).items[].key] == ["ha.sh", "sentinel.conf", "internal-password"]) and
    all($pod.spec.containers[]; (.envFrom == null) and all(.env[]?; .name == "POD_NAME" or .name == "REDIS_EXPORTER_DISABLE_SCRAPE_ENDPOINT"))'
  has "replication: an address for each pod, which it has before it is ready" '[$o["Service/raibid-redis-master-0", "Service/raibid-redis-master-1", "Service/raibid-redis-master-2"].spec |
    .publishNotReadyAddresses == true and .clusterIP == null and [.ports[].port] == [6379, 26379]] == [true, true, true] and
    $o["Service/raibid-redis-master-1"].spec.selector["statefulset.kubernetes.io/pod-name"] == "raibid-redis-master-1"'
  has "replication: the address of always leads to the proxies, and only to ready ones" '$o["Service/raibid-redis-master"].spec.selector as $selector |
    $o["Deployment/raibid-redis-proxy"].spec.template.metadata.labels as $labels | $o["Service/raibid-redis-master"].spec.publishNotReadyAddresses == null and
    ($selector | to_entries | length == 3 and all($labels[.key] == .value))'
  has "replication: no selector of Redis selects a proxy" '$o["Deployment/raibid-redis-proxy"].spec.template.metadata.labels as $labels |
    all($all[] | select((.kind == "Service" or .kind == "PodDisruptionBudget") and (.metadata.name | test("proxy|master$") | not)).spec.selector |
      (.matchLabels // .) | to_entries; any(.[]; $labels[.key] != .value))'
  has "replication: all nodes by one name, for readers and for Sentinel" '$o["Service/raibid-redis"].spec | .publishNotReadyAddresses == null and [.ports[].port] == [6379, 26379]'
  has "replication: two proxies, replaced one by one" '$o["Deployment/raibid-redis-proxy"].spec | .replicas == 2 and .strategy.rollingUpdate == {maxSurge: 1, maxUnavailable: 0} and
    .template.spec.automountServiceAccountToken == false and .template.spec.containers[0].securityContext == $redis.securityContext'
  has "replication: an eviction takes one node at a time" '$o["PodDisruptionBudget/raibid-redis"].spec.minAvailable == 2 and $o["PodDisruptionBudget/raibid-redis-proxy"].spec.maxUnavailable == 1'
  has "replication: a replica that is not in sync is not ready, and the master hands over before it ends" '($o["ConfigMap/raibid-redis-scripts"].data["ping.sh"] | contains("slave connected")) and
    $redis.lifecycle.preStop.exec.command == ["sh", "/etc/redis/ha.sh", "stop"]'
  has "replication: writes need a replica, and the settings of redis.conf beat the chart's" '($o["ConfigMap/raibid-redis-configuration"].data["nodes.conf"] | split("\n")) as $nodes |
    (["min-replicas-to-write 1", "min-replicas-max-lag 3", "repl-diskless-sync-delay 0", "include /etc/redis/replication.conf", "replica-priority 100"] - $nodes == []) and
    ($nodes | map(select(. != "")) | last) == "include /etc/redis/redis.conf" and ($conf | any(startswith("include")) | not)'
  has "replication: rather not two on one node" '$pod.spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm |
    .topologyKey == "kubernetes.io/hostname" and .labelSelector.matchLabels == $set.selector.matchLabels'
  has "replication: nodes reach nodes, and proxies reach them" '$policy.ingress[0:2] == [
    {ports: [{port: 6379}, {port: 26379}], from: [{podSelector: {matchLabels: {"app.kubernetes.io/name": "redis", "app.kubernetes.io/instance": "raibid-redis"}}}]},
    {ports: [{port: 6379}], from: [{podSelector: {matchLabels: $o["Deployment/raibid-redis-proxy"].spec.selector.matchLabels}}]}] and
    ($policy.egress[1].to[0].podSelector.matchLabels["app.kubernetes.io/name"] == "redis")'
  has "replication: clients reach the proxies" '$o["NetworkPolicy/raibid-redis-proxy"].spec as $proxy | $proxy.podSelector.matchLabels == $o["Deployment/raibid-redis-proxy"].spec.selector.matchLabels and
    any($proxy.ingress[]; . == {ports: [{port: 6379}], from: [{namespaceSelector: {}}]})'
  renders "five nodes, hard apart, render" --set architecture=replication,replica.replicaCount=5,replica.podAntiAffinityPreset=hard,pdb.create=false,networkPolicy.allowExternal=false \
    --set 'master.affinity.nodeAffinity.a=b' --set trim.schedule=@hourly --set-json "$trimmed"
  has "five nodes: a Service each, and the proxies ask all" '[range(5) | $o["Service/raibid-redis-master-\(.)"]] | all(. != null)'
  has "five nodes: two of Redis on one node never" '$pod.spec.affinity | (.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution | length == 1) and .nodeAffinity == {a: "b"}'
  has "no budget when there is to be none" '[$all[].kind] | index("PodDisruptionBudget") | not'
  has "named clients: the CronJob reaches the proxies" '$o["CronJob/raibid-redis-trim"].spec.jobTemplate.spec.template.metadata.labels as $labels |
    any($o["NetworkPolicy/raibid-redis-proxy"].spec.ingress[]; .from[0].podSelector.matchLabels // {} | length == 2 and (to_entries | all($labels[.key] == .value)))'
  renders "one node that becomes several renders" --set architecture=replication,replica.joining=true
  has "… pod 0 stays as it is, the address leads to it alone, and no sentinel promotes another one" '$set.updateStrategy.rollingUpdate.partition == 1 and
    ($o["Service/raibid-redis-master"].spec | .selector["statefulset.kubernetes.io/pod-name"] == "raibid-redis-master-0" and .publishNotReadyAddresses) and
    ($o["ConfigMap/raibid-redis-configuration"].data["nodes.conf"] | contains("replica-priority 0"))'
  has "… a container of it that starts again runs as before" '$o["ConfigMap/raibid-redis-scripts"].data["start.sh"] | contains("[ -n \"${POD_NAME:-}\" ] || exec")'
  renders "replication with TLS renders" --set architecture=replication,tls.enabled=true
  has "with TLS: replicas, sentinels and the scripts speak it, and a check of the proxies does not judge the certificate" '
    ($o["ConfigMap/raibid-redis-scripts"].data["ha.sh"] | contains("tls-port 26379") and contains("tls-replication yes") and (contains("echo \u0027port 26379") | not) and contains("to_others=\u0027--tls --cacert /etc/tls/ca.crt") and
      (contains("-p 6379") | not)) and ($conf | index("tls-replication yes") != null and index("port 0") != null) and
    ($o["ConfigMap/raibid-redis-proxy"].data["haproxy.cfg"] | contains("check-ssl verify none") and contains("tcp-check connect default") and (contains("crt") | not))'
  has "with TLS: the sentinel mounts the certificate, and no proxy does" 'any($pod.spec.containers[1].volumeMounts[]; .mountPath == "/etc/tls") and
    ([$o["Deployment/raibid-redis-proxy"].spec.template.spec.volumes[].name] == ["configuration"])'
  renders "… and with clients' certificates" --set architecture=replication,tls.enabled=true,tls.authClients=true
  has "… everyone shows one, the proxies as well" '($o["ConfigMap/raibid-redis-scripts"].data["ha.sh"] | contains("--cert /etc/tls/tls.crt --key /etc/tls/tls.key") and contains("tls-auth-clients yes")) and
    ($o["ConfigMap/raibid-redis-proxy"].data["haproxy.cfg"] | contains("crt /etc/haproxy-tls/tls.crt")) and
    ([$o["Deployment/raibid-redis-proxy"].spec.template.spec.volumes[].secret.items | values | .[].path] == ["tls.crt", "tls.crt.key"])'
  renders "replication without a password renders" --set architecture=replication,auth.enabled=false
  has "without a password: no Secret anywhere, and nobody logs in" '([$pod.spec.volumes[] | .secret, .projected.sources[]?.secret | values] == []) and
    ($o["ConfigMap/raibid-redis-proxy"].data["haproxy.cfg"] + $o["ConfigMap/raibid-redis-scripts"].data["ping.sh"] | contains("AUTH") | not) and
    ($o["ConfigMap/raibid-redis-scripts"].data["ha.sh"] | contains("auth=\n"))'
}

backups() {
  local nightly=(--set 'backup.schedule=0 3 * * *')
  renders "backups render" "${nightly[@]}" --set backup.claim=safe,backup.cluster=u1
  has "a CronJob for backups, one at a time, and little history" '$o["CronJob/raibid-redis-backup"].spec | .schedule == "0 3 * * *" and
    .concurrencyPolicy == "Forbid" and .successfulJobsHistoryLimit == 1 and .jobTemplate.spec.activeDeadlineSeconds == 7200'
  has "backups: as confined as Redis, without a token, with its memory limit" '$o["CronJob/raibid-redis-backup"].spec.jobTemplate.spec.template.spec as $backup |
    $backup.securityContext == $pod.spec.securityContext and $backup.containers[0].securityContext == $redis.securityContext and
    $backup.automountServiceAccountToken == false and $backup.containers[0].image == $redis.image and
    $backup.containers[0].resources.limits.memory == $redis.resources.limits.memory and ($backup | has("initContainers") | not)'
  has "backups: no secret in environment or arguments, one key of the Secret as a file" '$o["CronJob/raibid-redis-backup"].spec.jobTemplate.spec.template.spec as $backup |
    ($backup.containers[0] | has("env") or has("envFrom") | not) and $backup.containers[0].command == ["sh", "/etc/backup/backup.sh"] and
    [$backup.volumes[].projected.sources[]?.secret | values] == [{name: "raibid-redis", items: [{key: "backup-password", path: "backup-password"}]}]'
  has "backups: to the claim, which is not of the release" '([$o["CronJob/raibid-redis-backup"].spec.jobTemplate.spec.template.spec.volumes[].persistentVolumeClaim.claimName | values] == ["safe"]) and
    ([$all[].kind] | index("PersistentVolumeClaim") | not) and $o["CronJob/raibid-redis-backup"].metadata.annotations["raibid-cli/backup-to"] == "claim:safe"'
  has "backups: no Service leads to its pods" '$o["CronJob/raibid-redis-backup"].spec.jobTemplate.spec.template.metadata.labels as $labels |
    all($all[] | select(.kind == "Service").spec.selector | to_entries; any(.[]; $labels[.key] != .value))'
  check "backups change no checksum, so Redis is not restarted" same_checksum "${nightly[@]}" --set backup.claim=safe
  renders "backups with named clients render" "${nightly[@]}" --set backup.claim=safe,networkPolicy.allowExternal=false
  has "named clients: the backup's pods get in, too" '$o["CronJob/raibid-redis-backup"].spec.jobTemplate.spec.template.metadata.labels as $labels |
    any($policy.ingress[]; .from[0].podSelector.matchLabels // {} | length == 2 and (to_entries | all($labels[.key] == .value)))'
  renders "backups to a store render" "${nightly[@]}" --set backup.remote=there:a/b,backup.existingSecret=keys,backup.image.repository=mirror/rclone,backup.image.tag=v1
  has "a store: the copy first, then rclone, which has no password of Redis" '$o["CronJob/raibid-redis-backup"].spec.jobTemplate.spec.template.spec as $backup |
    $backup.initContainers[0].image == $redis.image and $backup.containers[0].image == "docker.io/mirror/rclone:v1" and
    ([$backup.containers[0].volumeMounts[].name] | index("settings") | not) and
    ([$backup.volumes[].secret | values] == [{secretName: "keys", defaultMode: 288, items: [{key: "rclone.conf", path: "rclone.conf"}]}]) and
    ([$backup.initContainers[0].volumeMounts[].name] | index("remote") | not)'
  renders "backups with TLS render" "${nightly[@]}" --set backup.claim=safe,tls.enabled=true,tls.authClients=true
  has "TLS: the backup shows a certificate" '$o["ConfigMap/raibid-redis-backup"].data["backup.sh"] |
    contains("-p 6379 --tls --cacert /etc/backup/ca.crt --cert /etc/backup/tls.crt --key /etc/backup/tls.key --user backup --askpass")'
  renders "backups without a password render" "${nightly[@]}" --set backup.claim=safe,auth.enabled=false
  has "without a password nobody logs in" '$o["ConfigMap/raibid-redis-backup"].data["backup.sh"] | contains("--askpass") | not'
  renders "backups with replication render" "${nightly[@]}" --set backup.claim=safe,architecture=replication
  has "replication: any node that is in sync gives the copy" '$o["ConfigMap/raibid-redis-backup"].data["backup.sh"] | contains("-h raibid-redis -p 6379")'
}

trimmed='trim.streams=[{"name":"raibid:jobs","maxLength":5},{"name":"odd*name","maxLength":100}]'
trimming() {
  renders "trimming renders" --set 'trim.schedule=*/10 * * * *' --set-json "$trimmed"
  has "a CronJob, one run at a time, and little history" '$o["CronJob/raibid-redis-trim"].spec | .schedule == "*/10 * * * *" and
    .concurrencyPolicy == "Forbid" and .successfulJobsHistoryLimit == 1 and .failedJobsHistoryLimit == 1'
  has "trimming: as confined as Redis, without a token" '$o["CronJob/raibid-redis-trim"].spec.jobTemplate.spec.template.spec as $trim |
    $trim.securityContext == $pod.spec.securityContext and $trim.containers[0].securityContext == $redis.securityContext and
    $trim.automountServiceAccountToken == false and $trim.containers[0].image == $redis.image'
  has "trimming: no secret in environment or arguments, one key of the Secret as a file" '$o["CronJob/raibid-redis-trim"].spec.jobTemplate.spec.template.spec as $trim |
    ($trim.containers[0] | has("env") or has("envFrom") | not) and $trim.containers[0].command == ["sh", "/etc/trim/trim.sh"] and
    [$trim.volumes[].projected.sources[].secret | values] == [{name: "raibid-redis", items: [{key: "trim-password", path: "trim-password"}]}]'
  has "trimming: no Service leads to its pods" '$o["CronJob/raibid-redis-trim"].spec.jobTemplate.spec.template.metadata.labels as $labels |
    all($all[] | select(.kind == "Service").spec.selector | to_entries; any(.[]; $labels[.key] != .value))'
  check "trimming changes no checksum, so Redis is not restarted" same_checksum --set trim.schedule=@hourly --set-json "$trimmed"
  renders "trimming with named clients renders" --set trim.schedule=@hourly --set-json "$trimmed" \
    --set networkPolicy.allowExternal=false,networkPolicy.addExternalClientAccess=false
  has "named clients: the CronJob's pods get in, too" '$o["CronJob/raibid-redis-trim"].spec.jobTemplate.spec.template.metadata.labels as $labels |
    any($policy.ingress[]; .from[0].podSelector.matchLabels // {} | length == 2 and (to_entries | all($labels[.key] == .value)))'
  renders "a schedule without a stream renders" --set trim.schedule=@hourly
  has "without a stream there is no CronJob" '$o["CronJob/raibid-redis-trim"] == null'
}

less_than_default() {
  renders "without authentication renders" --set auth.enabled=false,metrics.enabled=true
  has "without authentication: no Secret anywhere" '([$pod.spec.volumes[] | .secret, .projected.sources[]?.secret | values] == []) and
    $exporter.args == ["--redis.addr=redis://127.0.0.1:6379"]'
  has "without authentication: protected-mode no, no ACL file" '($conf | index("protected-mode no")) and all($conf[]; startswith("aclfile") | not)'
  renders "without persistence renders" --set master.persistence.enabled=false
  has "without persistence: an emptyDir and no claim" '$claim == null and any($pod.spec.volumes[]; . == {name: "redis-data", emptyDir: {}})'
  renders "without network policy renders" --set networkPolicy.enabled=false
  has "without network policy: none" '$policy == null'
}

clients() {
  renders "named clients render" --set networkPolicy.allowExternal=false,networkPolicy.ingressNSMatchLabels.team=ci \
    --set networkPolicy.ingressNSPodMatchLabels.app=worker --set-json 'networkPolicy.extraIngress=[{"from":[{"podSelector":{}}]}]'
  has "named clients: labelled pods of this namespace, those pods of those namespaces, extra rules" '$policy.ingress == [
    {ports: [{port: 6379}], from: [{podSelector: {matchLabels: {"raibid-redis-client": "true"}}},
      {namespaceSelector: {matchLabels: {team: "ci"}}, podSelector: {matchLabels: {app: "worker"}}}]},
    {from: [{podSelector: {}}]}]'
  renders "no client by a label renders" --set networkPolicy.allowExternal=false,networkPolicy.addExternalClientAccess=false \
    --set-json 'networkPolicy.extraIngress=[{"from":[{"podSelector":{}}]}]'
  has "no client by a label: the extra rules alone" '$policy.ingress == [{from: [{podSelector: {}}]}]'
  renders "nobody named renders" --set networkPolicy.allowExternal=false,metrics.enabled=true
  has "nobody named: no rule is open to everybody" '$policy.ingress | length == 2 and
    all(.[]; .from | length > 0 and all(.[]; . != {} and . != {namespaceSelector: {}}))'
}

values_reach_objects() {
  local digest
  digest=sha256:$(printf '%064d' 0)
  renders "images and scheduling render" --set "global.imageRegistry=mirror.local,image.repository=valkey/valkey,image.digest=$digest" \
    --set 'image.pullSecrets={a},global.imagePullSecrets={b,a},auth.existingSecret=other,master.service.ports.redis=7000' \
    --set master.nodeSelector.disk=ssd,master.priorityClassName=high --set-json 'master.tolerations=[{"operator":"Exists"}]'
  has "registry, digest and pull secrets" '$redis.image == "mirror.local/valkey/valkey@sha256:" + ("0" * 64) and
    $pod.spec.imagePullSecrets == [{name: "b"}, {name: "a"}]'
  has "scheduling" '$pod.spec | .nodeSelector == {disk: "ssd"} and .priorityClassName == "high" and .tolerations == [{operator: "Exists"}]'
  has "Secret and the Service's port" 'any($pod.spec.volumes[].projected.sources[]?.secret; .name? == "other") and
    $o["Service/raibid-redis-master"].spec.ports == [{name: "tcp-redis", port: 7000, targetPort: "redis"}]'

  renders "labels and claim render" --set commonLabels.team=ci,commonAnnotations.note=x,master.podLabels.p=1x,master.podAnnotations.q=2x \
    --set master.persistence.size=20Gi,master.persistence.storageClass=-,master.persistence.annotations.keep=yes
  has "common labels and annotations on every object" 'all($all[]; .metadata.labels.team == "ci" and .metadata.annotations.note == "x")'
  has "pods have their own too" '$pod.metadata | .labels.team == "ci" and .labels.p == "1x" and .annotations.q == "2x"'
  has "no common label in a selector" '[$all[].spec | values | .selector, .podSelector] | tojson | contains("team") | not'
  has "claim's size, class and annotations" '$claim | .spec.resources.requests.storage == "20Gi" and .spec.storageClassName == "" and
    .metadata.annotations == {keep: "yes"}'
  renders "a class for all renders" --set global.storageClass=fast,master.persistence.storageClass=slow
  has "global.storageClass beats the claim's" '$claim.spec.storageClassName == "fast"'

  printf '%s\n' 'extraDeploy:' '- apiVersion: v1' '  kind: Service' '  metadata: {name: redis-service}' \
    '  spec: {type: ExternalName, externalName: "{{ include \"redis.fullname\" . }}-master"}' \
    '- |' '  apiVersion: v1' '  kind: ConfigMap' '  metadata: {name: "text-{{ .Release.Name }}"}' > "$work/extra.yaml"
  renders "extra objects render" -f "$work/extra.yaml"
  has "extra objects, as objects and as strings" '$o["Service/redis-service"].spec.externalName == "raibid-redis-master" and
    $o["ConfigMap/text-raibid-redis"] != null'
  check "a release without redis in its name becomes <release>-redis" grep -q 'name: jobs-redis-master' <("$helm" template jobs "$chart")
  check "fullnameOverride is the name" grep -q 'name: queue-master' <("$helm" template jobs "$chart" --set fullnameOverride=queue)
}

refusals() {
  local set text
  check "the schema is closed everywhere" jq -e '[.. | objects | select(.properties | type == "object") | has("additionalProperties")] | all' \
    "$chart/values.schema.json"
  for set in foo=1 auth.password=x global.imageRegsitry=x master.persistance.size=1Gi networkPolicy.metrics.open=true \
    metrics.serviceMonitor.labels.a=b replica.count=1; do
    refused "unknown key $set is refused" "dditional propert" "$helm" template r "$chart" --set "$set"
  done
  while IFS='|' read -r set text; do
    refused "$set is refused" "$text" "$helm" template r "$chart" --set "$set"
  done <<'T'
architecture=cluster|architecture
architecture=replication,replica.replicaCount=4|replicaCount
architecture=replication,sentinel.enabled=false|enabled
architecture=replication,replica.podAntiAffinityPreset=none|podAntiAffinityPreset
architecture=replication,master.persistence.enabled=false|would empty its replicas
architecture=replication,commonConfiguration=replicaof a 6379|replicaof
architecture=replication,master.configuration=cluster-enabled yes|cluster-enabled
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
trim.schedule=daily|schedule
backup.schedule=daily|schedule
backup.schedule=@daily|needs backup.claim or backup.remote
backup.schedule=@daily,backup.claim=a,backup.remote=b:c|exclude each other
backup.schedule=@daily,backup.remote=b:c|needs backup.existingSecret
backup.keep=0|keep
trim.streams[0].name=a b|name
extraDeploy=x|extraDeploy
commonConfiguration=requirepass x|requirepass
master.configuration="user" x on|user
master.configuration=Port 7000|Port
tls.enabled=perhaps|enabled
tls.autoGenerated=true|Helm would keep the key
tls.autoGenerated.enabled=true|Helm would keep the key
tls.migrate=true|tls.migrate needs tls.enabled
architecture=replication,tls.enabled=true,tls.migrate=true|does not go with tls.migrate
tls.certFilename=a/b|certFilename
commonConfiguration=tls-port 7|tls-port
master.configuration="tls-auth-clients" no|tls-auth-clients
fullnameOverride=a123456789a123456789a123456789a123456789a12345|45
T
}

# On the machine's redis-server, CONFIG SET each parameter to the value it has: what is refused needs a restart.
restart_only_for_what_needs_it() {
  check "maxmemory, save and other settings of a running server change no checksum" same_checksum \
    --set master.configuration='maxmemory 100mb' --set commonConfiguration=$'save 60 1\nappendonly no\nhz 20\n# databases 3'
  check "resources, labels and the network policy change no checksum" same_checksum \
    --set commonLabels.a=b,networkPolicy.enabled=false,master.resources.limits.memory=1Gi
  check "databases changes it" other_checksum --set master.configuration='databases 4'
  check "so does a directive in capitals and quotes" other_checksum --set master.configuration='"IO-Threads" 4'
  check "so does rename-command" other_checksum --set master.configuration='rename-command FLUSHALL ""'
  if [[ ! -f $work/refused ]]; then skip "the directives that CONFIG SET refuses (no redis-server here)"; return; fi
  # the chart with one template more, which shows the lines that count, given every directive there is
  rm -rf "$work/shown" && cp -r "$chart" "$work/shown"
  printf '%s\n' 'apiVersion: v1' 'kind: ConfigMap' 'lines: {{ include "redis.restart" . | toJson }}' > "$work/shown/templates/shown.yaml"
  sed 's/$/ x/' "$work/parameters" | grep -vE "^($owned) " > "$work/all.conf"
  "$helm" template r "$work/shown" --set-file commonConfiguration="$work/all.conf" -s templates/shown.yaml |
    sed -n 's/^lines: //p' | jq -r . | awk 'NF {print $1}' | sort -u > "$work/counted"
  check "exactly what CONFIG SET refuses counts: $(wc -l < "$work/refused") of $(wc -l < "$work/parameters")" diff "$work/refused" "$work/counted"
}
owned='requirepass|masterauth|tls-key-file-pass|aclfile|port|dir|daemonize|tls-port|tls-cert-file|tls-key-file|tls-ca-cert-file|tls-ca-cert-dir|tls-auth-clients' # the chart refuses these in values

free_port() {
  local port
  for port in $(shuf -i 20001-32000 -n 50); do (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }; done
}
stop_server() {
  [[ -n $server_pid ]] || return 0
  kill -9 -- "-$server_pid" # its own process group: also what a script left behind
  wait "$server_pid" 2>/dev/null
  server_pid=
}
eventually() { for _ in {1..100}; do "$@" && return; sleep 0.05; done; return 1; }
answers() { redis-cli -p "$port" ping >/dev/null 2>&1; }

ask_redis_what_it_refuses() {
  command -v redis-server redis-cli >/dev/null || return
  port=$(free_port)
  setsid redis-server --port "$port" --bind 127.0.0.1 --dir "$work" --save '' >"$work/log" 2>&1 & server_pid=$!
  eventually answers || { cat "$work/log"; return; }
  redis-cli -p "$port" config get '*' | paste -d'\t' - - | sort > "$work/config"
  cut -f1 "$work/config" > "$work/parameters"
  while IFS=$'\t' read -r name value; do
    [[ ! $(redis-cli -p "$port" config set "$name" "$value") =~ immutable|protected ]] || echo "$name"
  done < "$work/config" > "$work/refused"
  stop_server
}

# start_script NAME SHELL...: what the pod starts, with paths and port of this machine, where only NAME-server and NAME-cli are on PATH
start_script() {
  local name=$1 home=$work/pod program; shift
  rm -rf "$home" && mkdir -p "$home/bin" "$home/data" && port=$(free_port)
  ln -s "$(command -v redis-server)" "$home/bin/$name-server"
  printf '#!/bin/sh\nexec %s -p %s "$@"\n' "$(command -v redis-cli)" "$port" > "$home/bin/$name-cli" && chmod +x "$home/bin/$name-cli"
  for program in timeout flock sleep; do
    if [[ $1 == *busybox ]] && "$1" --list | grep -qx $program; then ln -s "$1" "$home/bin/$program"; else ln -s "$(command -v $program)" "$home/bin/$program"; fi
  done
  printf '%s\n' "user default on #$(printf secret | sha256sum | cut -d' ' -f1) ~* &* +@all" 'user health on nopass -@all +ping' > "$home/users.acl"
  for file in redis.conf start.sh ping.sh; do
    jq -r --arg file $file '.items[] | select(.kind == "ConfigMap").data[$file] | values' "$work/objects.json" |
      sed -e "s|/etc/redis|$home|; s|/data|$home/data|; s|^port 6379|port $port|" -e "s|^bind .*|bind 127.0.0.1|" \
        -e "s|/run/redis|$home|; s|/etc/tls|$home|; s|^tls-port 6379|tls-port $port|" > "$home/$file"
  done
  [[ ! -f $work/tls.crt ]] || { cp "$work/tls.crt" "$work/tls.key" "$home" && cp "$work/tls.crt" "$home/ca.crt"; }
  start_server "$@"
  eventually "${server_answers:-answers}" || cat "$home/log"
}
start_server() { setsid env PATH="$work/pod/bin" "$@" "$work/pod/start.sh" >"$work/pod/log" 2>&1 & server_pid=$!; }
probe() { PATH=$work/pod/bin "${shell[@]}" "$work/pod/ping.sh" "$1"; }
# A server that asks clients for a certificate: the pod's own tools have none and need none.
tls_on_this_machine() {
  local home=$work/pod shell=("$(command -v dash)")
  command -v openssl >/dev/null || { skip "TLS in the pod (no openssl here)"; return; }
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/tls.key" -out "$work/tls.crt" -subj /CN=redis \
    -days 1 2> "$work/openssl.log" || { cat "$work/openssl.log"; return 1; }
  render --set tls.enabled=true,tls.authClients=true >/dev/null
  server_answers=answers_over_socket start_script redis "${shell[@]}"
  check "TLS: the server answers on its socket" eventually answers_over_socket
  check "TLS: … which only its user and group may use" test "$(stat -c %a "$home/redis.sock")" = 770
  check "TLS: ready" probe ready
  check "TLS: alive" probe alive
  check "TLS: a plain client gets nothing" plain_refused
  check "TLS: a client without a certificate gets nothing" tls_refused
  check "TLS: one with a certificate is served" tls_served
  stop_server
}
answers_over_socket() { redis-cli -s "$work/pod/redis.sock" ping >/dev/null 2>&1; }
tls_client() { REDISCLI_AUTH=secret redis-cli -p "$port" --tls --cacert "$work/tls.crt" "$@" 2>&1; }
plain_refused() { [[ $(redis-cli -p "$port" ping 2>&1) != *PONG* ]]; }
tls_refused() { [[ $(tls_client ping) != *PONG* ]]; }
tls_served() { [[ $(tls_client --cert "$work/tls.crt" --key "$work/tls.key" ping) == PONG ]]; }
as_default() { REDISCLI_AUTH=secret redis-cli -p "$port" "$@" 2>&1; }
no_probe() { ! probe "$1"; }
accepted() { [[ $(as_default "$@") == OK ]]; }
is_busy() { [[ $(as_default ping) == *BUSY* ]]; }
make_busy() { # until the server is stopped
  accepted config set busy-reply-threshold 50
  as_default eval 'while true do end' 0 >/dev/null &
}

# The CronJob's script, with this machine's paths and port.
trim_run() { PATH=$work/pod/bin "${shell[@]}" "$work/pod/trim.sh" > "$work/trimmed" 2>&1; }
says() { grep -qxF -- "$1" "$work/trimmed"; }
has_entries() { [[ $(as_default xlen "$1") == "$2" ]]; }
trim_script() {
  local home=$work/pod rights job
  render --set trim.schedule=@hourly --set-json "$trimmed" >/dev/null
  start_script "$1" "${shell[@]}"
  for file in trim.sh trim.lua streams; do
    jq -r --arg file $file '.items[] | select(.kind == "ConfigMap").data[$file] | values' "$work/objects.json" |
      sed -e "s|/etc/trim|$home|g; s|-h raibid-redis-master -p 6379||" > "$home/$file"
  done
  sed -i '/^$/d' "$home/streams"
  echo of-trim > "$home/trim-password"
  rights='resetchannels -@all +eval +evalsha +type +xlen +xinfo|groups +xpending +xrange +xtrim +time ~raibid:jobs ~odd\*name'
  # shellcheck disable=SC2086 # words
  check "$2: the user trim" accepted acl setuser trim on ">of-trim" $rights
  check "$2: streams that are not there are no failure" trim_run
  check "$2: … and it says so" says "raibid:jobs: no-stream: nothing is trimmed, because only a group tells which entries are done"
  as_default xgroup create raibid:jobs workers 0 mkstream >/dev/null
  for job in {1..2000}; do echo "xadd raibid:jobs * job_id $job"; done | as_default >/dev/null
  check "$2: a stream over its limit" has_entries raibid:jobs 2000
  check "$2: nothing is done: the script runs" trim_run
  check "$2: … and leaves what no worker has been given" has_entries raibid:jobs 2000
  as_default --raw xreadgroup group workers c count 1990 streams raibid:jobs '>' | grep -E '^[0-9]+-[0-9]+$' | head -n 1980 |
    xargs env REDISCLI_AUTH=secret redis-cli -p "$port" xack raibid:jobs workers >/dev/null
  check "$2: 1980 are done" trim_run
  check "$2: … and go" says "raibid:jobs: 1980 removed, limit 5"
  check "$2: … pending and undelivered ones stay" has_entries raibid:jobs 20
  as_default set 'odd*name' x >/dev/null
  check "$2: a key that is not a stream is a failure" no_trim
  check "$2: … that names it" says "odd*name: wrong-type"
  check "$2: … and the other stream had its turn" says "raibid:jobs: 0 removed, limit 5"
  echo wrong > "$home/trim-password"
  check "$2: a wrong password is a failure" no_trim
  check "$2: … that says why" grep -q WRONGPASS "$work/trimmed"
  stop_server
}
no_trim() { ! trim_run; }

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
      [[ $name == valkey ]] || one_at_a_time "$with"
      trim_script $name "$with"
    done
  done
  render --set auth.enabled=false >/dev/null; start_script valkey "${shell[@]}"
  check "without authentication: ready" probe ready
  check "without authentication: alive" probe alive
  stop_server
}
# As when the pod was deleted by force: the first server still works while the next one starts.
one_at_a_time() {
  local first code
  start_server "${shell[@]}"
  check "$1: started again" eventually answers
  first=$server_pid
  start_server "${shell[@]}"
  check "$1: a second one waits for the first one's end" eventually waits
  kill -TERM "$server_pid"
  wait "$server_pid"; code=$?
  check "$1: … SIGTERM ends its waiting" test $code = 143
  start_server "${shell[@]}"
  check "$1: … another one waits" eventually waits
  check "$1: … what is written until then" accepted set late 1
  kill -9 "$first"
  wait "$first" 2>/dev/null
  check "$1: … it finds" eventually says_late
  stop_server
  ln -sf "$(type -P false)" "$work/pod/bin/flock"
  start_server "${shell[@]}"
  check "$1: where nothing can be locked it starts" eventually answers
  check "$1: … and says so" grep -q "starting without" "$work/pod/log"
  stop_server
}
waits() { grep -q "waiting for its end" "$work/pod/log"; }
says_late() { [[ $(as_default get late) == 1 ]]; }
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
command -v jq >/dev/null || { skip "the chart (no jq)"; summary; exit; }
mapfile -t all < <(helms)
[[ -n ${all[*]} ]] || { skip "the chart (no helm: set HELM)"; summary; exit; }
for helm in "${all[@]}"; do
  echo "-- $("$helm" version --short)"
  check "helm lint --strict" "$helm" lint --strict "$chart"
  default_objects
  pod_labels
  metrics
  trimming
  backups
  tls
  same_pods_as_ever
  replication
  less_than_default
  clients
  values_reach_objects
  refusals
  restart_only_for_what_needs_it
done
if command -v redis-server redis-cli jq >/dev/null; then scripts_on_this_machine; tls_on_this_machine; else skip "the pod's scripts (no redis-server here)"; fi
summary
