# shellcheck shell=bash
# Debian packages for the scripts that source this: what is missing is installed, and no service starts by it.

# What building raibid-cli needs.
# shellcheck disable=SC2034  # for those that source this
build_packages=(g++ cmake ninja-build libcli11-dev libyaml-cpp-dev nlohmann-json3-dev libssl-dev libhiredis-dev libhttp-parser-dev libfmt-dev zlib1g-dev)

# Prints those of the packages that are not installed.
missing_packages() {
  comm -23 <(printf '%s\n' "$@" | sort) \
    <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p' | sort)
}

# Installs what of the packages is missing, as root or by sudo. A new service (redis-server's on 6379) is neither started now nor at
# the next boot: policy-rc.d is Debian's way to say so to a package's scripts. Fails with a message where it cannot.
install_packages() (
  set -euo pipefail
  mapfile -t missing < <(missing_packages "$@")
  if ((${#missing[@]} == 0)); then return; fi
  as_root=()
  if ((EUID != 0)); then as_root=(sudo); fi
  if ! command -v apt-get >/dev/null || ! command -v "${as_root[0]:-apt-get}" >/dev/null; then
    echo "missing: ${missing[*]} (on Debian, as root: apt-get install ${missing[*]})" >&2
    return 2
  fi
  echo "installing ${missing[*]}" >&2
  log=$(mktemp); policy=/usr/sbin/policy-rc.d; own_policy=
  trap 'rm -f "$log"; if [[ $own_policy ]]; then "${as_root[@]}" rm -f "$policy"; fi' EXIT
  if [[ ! -e $policy ]]; then
    own_policy=yes
    "${as_root[@]}" sh -c "printf '#!/bin/sh\nexit 101\n' > $policy && chmod 755 $policy"
  fi
  if ! { "${as_root[@]}" apt-get update -qq && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}"; } > "$log" 2>&1; then
    cat "$log" >&2
    return 2
  fi
  while read -r service; do "${as_root[@]}" update-rc.d "$service" disable; done < <(dpkg -L "${missing[@]}" | sed -n 's|^/etc/init.d/||p')
)
