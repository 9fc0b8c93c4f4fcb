#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "components/context.hpp"
#include "components/redis/settings/adopted_service.hpp"
#include "components/redis/settings/backups.hpp"
#include "components/redis/settings/existing_secret.hpp"
#include "components/redis/settings/image.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/redis_address.hpp"
#include "components/redis/settings/tls.hpp"
#include "config/preset.hpp"

namespace raibid {

enum class Target { kubernetes, local, external };

/// "kubernetes", "local", "external", as --target has it.
std::string_view target_name(Target target);

/// Who may connect: a namespace, and optionally the pods in it with a label.
struct Client {
  std::string name_space;
  std::vector<std::pair<std::string, std::string>> pod_labels;
};

struct ChartChoice {
  enum class Kind { embedded, bitnami, other };
  Kind kind = Kind::embedded;
  std::string reference;   ///< what helm is told; "" for the embedded one
  std::string repository;  ///< --repo, or ""
  std::string version;
};

/// What was chosen for one option, above the preset. It is kept with the Redis, so that the next setup keeps it.
struct Choice {
  std::string by;  ///< "flag", "variable" or "file"
  std::vector<std::string> values;
  bool operator==(const Choice&) const = default;
};
using Choices = std::map<std::string, Choice>;  ///< by option

/// Everything a Redis is set up with, typed and checked. One directive may stand several times (save).
struct RedisSettings {
  std::string preset;       ///< its name
  std::string preset_file;  ///< the file that it was read from; "" for a built-in one
  Target target = Target::kubernetes;
  std::optional<RedisAddress> address;            ///< of --url, for Target::external
  std::optional<AdoptedService> adopted_service;  ///< of --adopt-service, the same
  std::string name_space;
  std::string release;
  ChartChoice chart;
  std::optional<ImageReference> image;
  bool image_of_preset = false;  ///< nobody asked for it: a release that has another one keeps it
  std::optional<ImageReference> exporter_image;
  std::optional<ImageReference> proxy_image;
  int replicas = 0;  ///< nodes beside the master; 0: it is alone
  bool persistence = true;
  std::string size;
  std::string storage_class;
  std::string memory_request, memory_limit, cpu_request, cpu_limit;
  bool metrics = true;
  bool monitoring = false;  ///< alerting rules and a dashboard beside it
  bool auth = true;
  std::string password_file;
  TlsChoice tls;
  std::string cluster_domain = default_cluster_domain;
  std::optional<SecretReference> existing_secret;  ///< where the password is from, instead of one of our own
  UserSpec user;                ///< the application's, with the keys of the streams; without a name it is `default`
  std::vector<Client> clients;  ///< empty: the cluster's own pods
  std::vector<std::pair<std::string, std::string>>
      directives;  ///< redis.conf: the preset's, and maxmemory derived from the limit
  std::vector<StreamSpec> streams;
  std::vector<std::string> asynq_queues;  ///< the preset's, by name
  std::string trim_schedule;  ///< when the cluster trims the streams that have a limit, as cron has it; "": never
  BackupChoice backup;        ///< backups by a schedule
  std::vector<std::string> services;  ///< further Service names, those of another namespace as NAMESPACE/NAME
  SecurityContext security_context;   ///< the preset's: who Redis runs as
  std::map<std::string, std::string> pod_labels;    ///< the preset's
  std::vector<std::string> holds;                   ///< the preset's, and "queue" when there is a stream
  std::map<std::string, AcceptedWarning> accepted;  ///< the preset's
  bool strict = false;                              ///< warnings of advice.hpp are errors
  Choices chosen;                  ///< what describes this Redis beside the preset; of --set the keys alone
  std::vector<std::string> moved;  ///< "mxclone → jobs": what of the preset's own namespace follows -n, see advice.cpp
  std::vector<std::string> sets;
  std::vector<std::string> values_files;
  bool adopt = false;
  bool keep_on_failure = false;

  bool ha() const { return replicas > 0; }
  int nodes() const { return replicas + 1; }
};

/// Checks and types the settings. Throws Error (usage) naming the value's origin: names Kubernetes refuses, quantities,
/// a request above its limit, a password by --set, a size of zero … Commands that do not have all of setup's options
/// get what theirs and the preset say.
RedisSettings redis_settings(const Context& context);
RedisSettings redis_settings(const Settings& settings, const Preset& preset, const Paths& paths);

/// The value a directive is set to last, or "".
std::string directive(const RedisSettings& settings, std::string_view name);

}  // namespace raibid
