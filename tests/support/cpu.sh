# shellcheck shell=bash
# What pods and the node's own programs used of the CPU. Sourced by benchmarks; KUBECONFIG is set.

# CPU of the node's own programs and of all their children that have ended, in ticks (proc(5)).
node_ticks() {
  local pid total=0 name fields
  for pid in /proc/[0-9]*; do
    name=$(cat "$pid/comm" 2>/dev/null) || continue
    case $name in kubelet | containerd | containerd-shim*) ;; *) continue ;; esac
    fields=$(sed 's/.*) //' "$pid/stat" 2>/dev/null) || continue
    # shellcheck disable=SC2086  # its words are the fields
    set -- $fields
    total=$((total + ${12} + ${13} + ${14} + ${15}))
  done
  echo "$total"
}
# CPU of a cgroup whose folder has this name, in nanoseconds, from whichever cgroup version is there.
cgroup_nanoseconds() { # NAME
  local file
  file=$(find /sys/fs/cgroup -path "*$1/cpuacct.usage" 2>/dev/null | head -n 1)   # version 1
  if [[ $file ]]; then cat "$file"; return; fi
  file=$(find /sys/fs/cgroup -path "*$1/cpu.stat" | head -n 1)                     # version 2
  echo $((1000 * $(sed -n 's/^usage_usec //p' "$file")))
}
# CPU of all pods of a namespace, in nanoseconds.
pod_nanoseconds() { # NAMESPACE
  local uid total=0
  for uid in $(kubectl get pods -n "$1" -o jsonpath='{.items[*].metadata.uid}'); do total=$((total + $(cgroup_nanoseconds "pod$uid"))); done
  echo "$total"
}
