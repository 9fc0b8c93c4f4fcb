#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/option.hpp"
#include "config/settings.hpp"

namespace raibid {

/// What may be wrong with a queue before someone should look. Unset limits hold always.
struct QueueLimits {
  std::optional<std::int64_t> lag;  ///< waiting jobs of a group
  std::optional<Duration> pending_age;
  std::optional<std::int64_t> dead;

  bool any() const { return lag || pending_age || dead; }
  bool operator==(const QueueLimits&) const = default;
};

/// A stream that setup creates, with the groups that read it.
struct StreamSpec {
  std::string name;
  std::vector<std::string> groups;
  std::int64_t max_length = 0;         ///< 0: no limit
  std::vector<std::string> jobs = {};  ///< forms that a job may have: its fields, "NAME={}" for one with a JSON object
  QueueLimits limits = {};             ///< beyond which status is not healthy
};

/// Who Redis runs as. What hardens the pod (non-root, no capabilities, …) is not a preset's to choose.
struct SecurityContext {
  std::optional<std::int64_t> run_as_user;
  std::optional<std::int64_t> run_as_group;
  std::optional<std::int64_t> fs_group;
};

/// A user of Redis and what it may do. Without a name it is `default`, which may do everything.
struct UserSpec {
  std::string name;
  std::vector<std::string> keys;      ///< patterns, as `~` of an ACL takes them; the streams come by themselves
  std::vector<std::string> channels;  ///< as `&`
  std::vector<std::string> commands;  ///< without the `+`: "get", "xinfo|groups"

  bool operator==(const UserSpec&) const = default;
};

/// Something that `smoke` does as the preset's application would, with what it needs to know (prefix, ttl, …).
struct SmokeOperation {
  std::string name;
  std::map<std::string, std::string> parameters;
};

/// A warning that a preset lives with, and why.
struct AcceptedWarning {
  std::string reason;
  std::string where;  ///< file:line
};

/// A system's Redis, as a file of templates/presets or of the user's describes it.
///
///   name: raibid                       lower-case letters, digits and -
///   description: …                     one line
///   settings: {size: 8Gi, …}           any option that a file may give, except preset
///   redis: {appendonly: yes, save: ["900 1", "300 10"], …}        redis.conf
///   streams: [{name: …, groups: […], max-length: 10000, jobs: ["FIELD FIELD", "FIELD={}"],
///              max-lag: 1000, max-pending-age: 15m, max-dead: 10}]
///   clients: [NAMESPACE, NAMESPACE/label=value]
///   services: [NAME, NAMESPACE/NAME]
///   holds: [queue, jobs, cache, locks]
///   security-context: {runAsUser: 999, runAsGroup: 999, fsGroup: 999}
///   pod-labels: {app.kubernetes.io/component: redis}
///   user: {name: mine, keys: ["job:*"], channels: [PATTERN], commands: [get, set, "xinfo|groups"]}
///   environment: {REDIS_URL: "{{url}}", …}
///   files: {config.yaml: "…"}          of the application, for `export secret`
///   smoke: [OPERATION, {operation: …, ttl: 24h}]
///   accepted: {WARNING: reason}
///
/// The first stream, with its first group, and the clients also stand in `settings` (as stream, group, max-length and
/// allow-from), so that a flag replaces them; what holds for a run is there.
struct Preset {
  std::string name;
  std::string description;
  SettingMap settings;  ///< values for options, with file:line origins
  std::vector<std::pair<std::string, std::string>>
      redis;  ///< redis.conf directives, in order; a directive may repeat (save)
  std::vector<StreamSpec> streams;
  std::vector<std::string> client_namespaces;  ///< who may connect, as --allow-from; empty: the cluster's own pods
  std::vector<std::string> services;           ///< further names of the Service that the application expects
  std::vector<std::string> holds;              ///< of known_contents(): what would be harmed by a wrong setting
  SecurityContext security_context;
  std::map<std::string, std::string> pod_labels;  ///< of Redis' pod, for applications whose egress policy asks for them
  UserSpec user;  ///< what the application needs as a user of its own; --user says whether it has one
  std::vector<std::pair<std::string, std::string>>
      environment;  ///< the application's variables: templates over template_names(); a name may have dots
  std::vector<std::pair<std::string, std::string>>
      files;  ///< the application's own files, by name: templates as well, whose values stand between double quotes
  std::vector<SmokeOperation> smoke;                ///< what proves it
  std::map<std::string, AcceptedWarning> accepted;  ///< silenced warnings, by name
};

/// What a Redis can hold: "queue", "jobs" (a job store), "cache", "locks".
std::span<const std::string_view> known_contents();

/// Whether an application's user may have this name: letters, digits, -, _ and ., and not that of a user which has a
/// job of its own (default, admin, health, exporter, trim …).
bool is_user_name(std::string_view name);
inline constexpr std::string_view user_name_rule =
    "a name is 1 to 64 letters, digits, -, _ and ., and not default, admin, health, exporter, trim, replica, sentinel "
    "or "
    "backup";

/// What the templates of `environment` can be made of: host, port, address (host:port), url, password-url (a URL with
/// the password and no user's name), password, … On a cluster the host is the name that the application expects
/// (application_host).
std::span<const std::string_view> template_names();

/// Parses a preset. `origin` names the file in errors (Error usage, with line): unknown key (nearest offered), wrong
/// shape, a setting that is no option of `options`, as load_config_file.
Preset parse_preset(std::string_view yaml, const std::string& origin, std::span<const OptionSpec> options);

}  // namespace raibid
