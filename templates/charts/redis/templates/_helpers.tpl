{{- define "redis.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "redis.fullname" -}}
{{- $name := include "redis.name" . -}}
{{- $full := .Values.fullnameOverride | default (contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name)) -}}
{{- /* The pods' label controller-revision-hash is F-master-<10 characters>, and a label holds 63. */ -}}
{{- if gt (len $full) 45 }}{{ fail (printf "the full name %q has more than 45 characters: choose a shorter release name or fullnameOverride" $full) }}{{ end -}}
{{ $full }}
{{- end }}

{{- /* What selects all pods of this release: it can never change, so nothing of a version or of commonLabels is in it. */}}
{{- define "redis.selector" -}}
app.kubernetes.io/name: {{ include "redis.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- /* What an application's own egress policy may select Redis' pod by. Selectors never change, so a release keeps what it began with. */}}
{{- define "redis.component" -}}
app.kubernetes.io/component: {{ index .Values.master.podLabels "app.kubernetes.io/component" | default "master" | quote }}
{{- end }}

{{- /* (dict "root" $ "name" "F-master" "component" "master" "labels" {} "annotations" {}): an object's metadata */}}
{{- define "redis.metadata" -}}
{{- $own := include "redis.selector" .root | fromYaml -}}
{{- $own = merge $own (dict "app.kubernetes.io/component" (.component | default "master") "app.kubernetes.io/managed-by" .root.Release.Service
  "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version)) -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- merge $own (.labels | default dict) .root.Values.commonLabels | toYaml | nindent 2 }}
{{- with merge dict (.annotations | default dict) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* (dict "root" $ "image" .Values.image) */}}
{{- define "redis.image" -}}
{{- with .root.Values.global.imageRegistry | default .image.registry }}{{ . }}/{{ end -}}
{{ .image.repository }}{{ with .image.digest }}@{{ . }}{{ else }}:{{ .image.tag }}{{ end }}
{{- end }}

{{- define "redis.secret" -}}
{{ .Values.auth.existingSecret | default (include "redis.fullname" .) }}
{{- end }}

{{- define "redis.conf" -}}
{{- range list "commonConfiguration" "master.configuration" }}
  {{- $text := eq . "commonConfiguration" | ternary $.Values.commonConfiguration $.Values.master.configuration }}
  {{- $bad := regexFind `(?im)^[ \t"']*(requirepass|masterauth|user|tls-key-file-pass|aclfile|port|dir|daemonize)["']?[ \t]` $text | trim }}
  {{- if $bad }}{{ fail (printf "%s: the directive %q is not allowed: the chart sets it, or it would put a password into a ConfigMap" . $bad) }}{{ end }}
{{- end -}}
bind * -::*
port 6379
protected-mode {{ .Values.auth.enabled | ternary "yes" "no" }}
daemonize no
pidfile ""
logfile ""
dir /data
{{- /* clients that send without end, logged in or not, are cut off before they take the memory */}}
maxmemory-clients 10%
{{- if .Values.auth.enabled }}
aclfile /etc/redis/users.acl
{{- end }}
{{ .Values.commonConfiguration | trim }}
{{ .Values.master.configuration | trim }}
{{- end }}

{{- /* The lines that CONFIG SET refuses on Redis 7 to 8 or Valkey 8: only these need a restart, all others the CLI sets in the running server. */}}
{{- define "redis.restart" -}}
{{- $fixed := list "aclfile" "always-show-logo" "(aof[-_]rewrite|bgsave|bio|server)[-_]cpulist" "append(dir|file)name"
  "cluster-(config-file|enabled|port)" "daemonize" "databases" "dbfilename" "dir" "disable-thp"
  "enable-(debug-command|module-command|protected-configs)" "include" "io-threads(-do-reads)?" "loadmodule" "logfile" "pidfile"
  "rdbchecksum" "rdma-[a-z-]+" "rename-command" "replicaof" "set-proc-title" "slaveof" "socket-mark-id" "supervised"
  "syslog-(enabled|facility|ident)" "tcp-backlog" "unixsocket(group|perm)?" | join "|" -}}
{{- range include "redis.conf" . | splitList "\n" }}
{{- if regexMatch (printf `(?i)^[ \t"']*(%s)["']?([ \t]|$)` $fixed) . }}
{{ trim . }}
{{- end }}
{{- end }}
{{- end }}

{{- /* networkPolicy or networkPolicy.metrics: the peer that its two label maps select, if any */}}
{{- define "redis.peer" -}}
{{- $peer := dict "namespaceSelector" (dict "matchLabels" .ingressNSMatchLabels) -}}
{{- with .ingressNSPodMatchLabels }}{{ $peer = set $peer "podSelector" (dict "matchLabels" .) }}{{ end -}}
{{- if or .ingressNSMatchLabels .ingressNSPodMatchLabels }}{{ toJson $peer }}{{ end -}}
{{- end }}

{{- /* "LIMIT NAME" a line; a name has no spaces */}}
{{- define "redis.trimStreams" -}}
{{- range .Values.trim.streams }}{{ printf "%d %s\n" (int64 .maxLength) .name }}{{ end }}
{{- end }}

{{- define "redis.scripts" -}}
start.sh: |
  trap 'exit 143' TERM # PID 1 without a handler ignores it, and the pod would take its whole grace to end
  # exec: the server is PID 1, gets SIGTERM itself and writes its AOF out
  server=$(command -v redis-server || command -v valkey-server) || { echo "this image has no redis-server and no valkey-server" >&2; exit 127; }
  # A pod deleted by force may still write its AOF when the next one starts: who has the lock (a file descriptor that the server keeps) goes first.
  umask 077 # the AOF holds every job: nobody but the server's user reads it, whatever the volume's mode is
  exec 9< /data
  if command -v flock > /dev/null && ! flock -n 9; then
    echo "another server uses /data: waiting for its end" >&2
    flock 9 & wait $! || echo "/data cannot be locked: starting without" >&2
  fi
  exec "$server" /etc/redis/redis.conf
ping.sh: |
  # Without a password: the user health may do nothing but PING. What the server says is on stdout, a refused connection on stderr.
  cli=$(command -v redis-cli || command -v valkey-cli) || { echo "this image has no redis-cli and no valkey-cli" >&2; exit 127; }
  ask() { printf '%s\n' {{ if .Values.auth.enabled }}'AUTH health -' {{ end }}PING | timeout 4 "$cli"; }
  if [ "$1" = alive ]; then
    answer=$(ask)
    [ -z "$answer" ] || exit 0
  else
    # Starting a probe costs far more than asking: so there are few of them, and each waits for PONG for some seconds by itself.
    tries=60
    while [ "$tries" -gt 0 ]; do
      answer=$(ask 2>&1)
      code=$?
      case $answer in *[!A-Z]PONG | PONG) exit 0 ;; esac
      [ "$code" -lt 124 ] || break # it hangs: timeout ended it
      tries=$((tries - 1))
      sleep 0.05
    done
  fi
  echo "answer: ${answer:-none}" >&2
  exit 1
{{- end }}
