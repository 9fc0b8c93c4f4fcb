#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "components/redis/place/kubernetes/release.hpp"
#include "components/redis/place/storage.hpp"
#include "components/redis/server/health.hpp"
#include "components/redis/server/redis_facts.hpp"
#include "components/redis/server/topology.hpp"
#include "components/redis/settings/spec.hpp"

namespace raibid {

/// What `status` learns of one Redis, before it is judged or rendered: the checks, the data of -o json and -o yaml, and
/// the row of the table are made from this.
struct StatusFacts {
  /// The Secret that its password is taken from (--existing-secret), when that is not its own.
  struct Store {
    std::string secret, key;
    bool there = false;     ///< the Secret
    bool has_key = false;   ///< and this key
    bool same = false;      ///< with the password that Redis was given
    std::string problem{};  ///< why Redis or its clients could not have what it has; "" when they can
  };
  /// It lives in a cluster.
  struct OnCluster {
    std::string context, server;
    Release seen;
    Spec expected;  ///< what it was asked to be
    std::optional<Store> store{};
    std::optional<Topology> topology{};  ///< of one with replicas
  };
  /// When a command trimmed last.
  struct Trimmed {
    std::string at, stream;
    std::int64_t removed = 0;
  };
  /// Backups by a schedule of this machine, which setup only prints.
  struct LocalBackups {
    std::string schedule, to;
    std::string last_succeeded{};  ///< of the newest in the folder; "" for none, or where nobody looks (rclone)
    std::string file{};
    std::int64_t bytes = 0;
    std::string set_up{};  ///< since when setup has been asked for this schedule; "" where that is not known
  };
  /// It is a server of this machine.
  struct OnMachine {
    std::string folder;
    int port = 0;
    std::optional<int> pid;  ///< when it runs
    int plain_port = 0;      ///< open beside that of TLS; 0 for none
    bool trims = false;      ///< a stream of it has a limit
    std::optional<Trimmed> last_trim{};
    std::optional<LocalBackups> backups{};
    std::optional<Topology> topology{};  ///< of several nodes; `pid` is then the proxy's
  };
  /// It is someone else's.
  struct Elsewhere {
    std::string host;
    int port = 0;
    int database = 0;
    std::string service{};  ///< "NAMESPACE/NAME" of the Service that leads to it, "" for a URL
  };

  std::string release;
  std::string name_space;
  std::string preset;
  int unfinished_runs = 0;
  std::variant<std::monostate, OnCluster, OnMachine, Elsewhere> where{};  ///< nothing: its record cannot be read
  RedisFacts redis{};
  std::vector<Storage> storage{};  ///< empty where nothing tells, or none is kept
};

/// Facts, and what is thought of them.
struct StatusReport {
  StatusFacts facts;
  HealthReport health;
};

/// The facts as data (docs/status.md), without the checks.
nlohmann::ordered_json status_data(const StatusFacts& facts);

/// A report on the facts with its data and the check of killed runs. `scope` names this Redis in hints.
StatusReport report_on(StatusFacts facts, Scope scope);

}  // namespace raibid
