#pragma once

#include <map>
#include <string>

#include "base/secret.hpp"
#include "sys/clock.hpp"

namespace raibid {

class Random;

/// 32 characters of A-Z a-z 0-9, each equally likely (bytes that would favour some are thrown away).
Secret generate_password(Random& random);

/// The first line of a file (at most 512 characters, printable ASCII without space, at least 8). Throws Error (usage).
Secret read_password_file(const std::string& path, TimePoint until = TimePoint::max());

/// The ACL file: the default user with the password's SHA-256 (or nopass), `health` for probes, which may only PING,
/// and `exporter` (when it has a password), which may only read what metrics need.
std::string acl_file(const Secret& password, const Secret& exporter_password);

/// What the Secret holds, by key: redis-password, users.acl, exporter.json. A password that is empty has no key.
std::map<std::string, Secret> secret_content(const Secret& password, const Secret& exporter_password);

}  // namespace raibid
