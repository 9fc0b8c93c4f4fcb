#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.hpp"
#include "sys/environment.hpp"

namespace raibid {

/// The credentials file: the six keys of the seed's format, and what tells whose they are.
struct Credentials {
  std::string host;
  int port = 6379;
  Secret password;
  std::string name_space;
  std::string stream;
  std::string consumer_group;
  std::string context;      ///< kubeconfig context; "local" for the local target
  std::string cluster_uid;  ///< UID of namespace kube-system; "" for the local target
  std::string release;
  std::string target;       ///< "kubernetes" or "local"
  std::string username;     ///< "default"
  std::filesystem::path path;  ///< where it was read from; not part of the file
};

/// Throws Error (preflight) for a file that is damaged: it is never overwritten. std::nullopt when there is none.
std::optional<Credentials> read_credentials(const std::filesystem::path& path);

/// All that are under `paths.home`. Damaged ones throw as above.
std::vector<Credentials> all_credentials(const Paths& paths);

/// The file for this release: the seed's path when it is free or already its own, else one beside it that carries
/// release and context in its name.
std::filesystem::path credentials_path(const Paths& paths, const Credentials& credentials);

/// Those of this cluster (or local) and release, if any.
std::optional<Credentials> find_credentials(const Paths& paths, const std::string& target, const std::string& cluster_uid,
                                            const std::string& name_space, const std::string& release);

std::string to_json(const Credentials& credentials);

/// "redis://:PASSWORD@HOST:PORT", or without the password.
std::string redis_url(const std::string& host, int port, const Secret& password);

}  // namespace raibid
