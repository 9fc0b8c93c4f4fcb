#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/secret.hpp"
#include "sys/environment.hpp"
#include "sys/files.hpp"

namespace raibid {

/// The credentials file: the six keys of the seed's format, and what tells whose they are.
struct Credentials {
  std::string host;
  int port = 6379;
  Secret password;
  std::string name_space;
  std::string stream;
  std::string consumer_group;
  std::string context;      ///< kubeconfig context; "local" for the local target, the address for an external one
  std::string cluster_uid;  ///< UID of namespace kube-system; "" for the local target, the address for an external one
  std::string release;
  std::string target;     ///< "kubernetes", "local" or "external"
  std::string username;   ///< "default", or the application's own
  Secret admin_password;  ///< of `admin`, when the application has a user of its own; else empty
  int database = 0;
  std::vector<std::pair<std::string, std::string>> made;  ///< streams and their groups that setup made, if external
  bool tls = false;                                       ///< the port speaks TLS
  std::string ca_certificate;            ///< PEM: whom clients have to trust for it; "" for the system's
  std::string tls_certificate, tls_key;  ///< paths of what we show to an external Redis; "" for nothing
  std::string record;                    ///< JSON of what it was set up with (Spec), "" when the file has none
  std::filesystem::path path;            ///< where it was read from; not part of the file
};

/// Throws Error (preflight) for a file that is damaged (it is never overwritten), a symbolic link, or a file of another
/// user or one that others can write. std::nullopt when there is none.
std::optional<Credentials> read_credentials(const std::filesystem::path& path);

/// All that are under `paths.home`. Damaged ones throw as above.
std::vector<Credentials> all_credentials(const Paths& paths);

/// The file for this release: the one it has; else, for preset raibid, the seed's path when that is free; else one
/// beside it that carries release and context in its name. Never one that is another's.
std::filesystem::path credentials_path(const Paths& paths, const Credentials& credentials, const std::string& preset);

/// Those of this cluster (or local) and release, if any.
std::optional<Credentials> find_credentials(const Paths& paths, const std::string& target,
                                            const std::string& cluster_uid, const std::string& name_space,
                                            const std::string& release);

/// Whether both are of the same Redis: target, cluster, namespace and release.
bool same_owner(const Credentials& left, const Credentials& right);

std::string to_json(const Credentials& credentials);

/// Whether `path` holds exactly this already, and for nobody else to read.
bool credentials_are_saved(const Credentials& credentials, const std::filesystem::path& path);

/// Writes them to `path`, 0600 from the first byte, whole or not at all, and makes the folder when it is not there.
/// Throws Error (preflight) when `path` is a symbolic link or the folder cannot be written in.
void save_credentials(const Files& files, const Credentials& credentials, const std::filesystem::path& path);

/// "redis://default:PASSWORD@HOST:PORT" (rediss with TLS), or without both where there is no password. What of a
/// password a URL reads otherwise is percent-encoded (RFC 3986). With an empty `user`, "redis://:PASSWORD@…", the
/// password goes to the same user, but redis-cli before 7.2 does not log in with such a URL.
std::string redis_url(const std::string& host, int port, const Secret& password, std::string_view user = "default",
                      int database = 0, bool tls = false);

}  // namespace raibid
