#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "components/component.hpp"
#include "components/context.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/place/restore.hpp"
#include "components/redis/place/revision.hpp"
#include "components/redis/place/victim.hpp"
#include "components/redis/run/certificates.hpp"
#include "components/redis/run/setup_diff.hpp"
#include "components/redis/run/users.hpp"
#include "components/redis/server/credentials.hpp"
#include "components/redis/server/health.hpp"
#include "components/redis/server/rotation.hpp"
#include "components/redis/settings/advice.hpp"
#include "components/redis/settings/record.hpp"
#include "components/redis/settings/settings.hpp"
#include "sys/process.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// One server process of a Redis.
struct Node {
  std::string name;  ///< "pod raibid-redis-master-0", "the server on this machine"
  std::string role;  ///< "master" or "replica"
};

/// What can be done to a Redis where it lives. A command asks before it offers something.
struct Abilities {
  bool install = false;   ///< setup and teardown make and remove the server itself
  bool restart = false;   ///< the server can be restarted
  bool crash = false;     ///< it can be killed and comes back: `smoke --durability`
  bool copy_out = false;  ///< its files can be copied
  bool rotate = false;    ///< its users' passwords can be changed
  bool grow = false;      ///< its storage can be made larger
  bool store = false;     ///< its password can be taken from a Secret that something else keeps
};

/// Which lines of a server's log.
struct LogLines {
  bool follow = false;        ///< and what comes, until Ctrl-C
  bool previous = false;      ///< of the container before the one that runs
  std::optional<int> last{};  ///< only so many from the end
};

/// Where a Redis lives: a cluster, this machine, or elsewhere. Commands ask a Place for data and never ask which kind
/// it is; open_place is the only function that knows. Nothing here is done before it is needed, so that a command pays
/// only for what it asks.
class Place {
 public:
  virtual ~Place() = default;

  /// "Cluster k3s-dev (https://10.0.0.5:6443), namespace jobs" or "This machine, ~/.raibid/local/raibid-redis".
  virtual std::string heading() const = 0;
  /// How messages call this Redis: "release raibid-redis in namespace jobs of k3s-dev".
  virtual std::string subject() const = 0;
  virtual Abilities can() const = 0;
  virtual std::vector<Node> nodes() const = 0;

  /// Redis as its applications see it: the address that they are handed, and the password. Asked once. Throws Error
  /// (not_installed) when it is not there.
  virtual const InstalledRedis& installed() = 0;

  /// Starts whatever leads to it without waiting, so that it comes up beside other work. `local_port` 0 takes a free
  /// one; a place that needs no way opened ignores it.
  virtual void prepare(int local_port = 0) = 0;
  /// Where it listens for us. Throws Error (not_installed), (failure) when it cannot be reached until `deadline`.
  virtual RedisEndpoint endpoint(TimePoint deadline) = 0;
  /// An authenticated connection of its own. Throws as `endpoint` and connect_redis.
  virtual std::unique_ptr<RedisConnection> connect(TimePoint deadline) = 0;
  /// The same for raibid-cli's own work, which the application's user may not do; where that may do everything, it is
  /// that user's.
  virtual std::unique_ptr<RedisConnection> administer(TimePoint deadline) { return connect(deadline); }
  /// The same of every node that runs.
  virtual std::vector<std::unique_ptr<RedisConnection>> administer_all(TimePoint deadline);
  /// What tells it from one of the same names elsewhere, for records: of the cluster, or its address; "" here.
  virtual std::string cluster_uid() { return ""; }
  /// Whether its exporters, if it has any, have started after then and so know the passwords of then.
  virtual bool exporter_started_after(WallTime) { return true; }
  /// Sees to it that the endpoint stays reachable while someone else uses it; called now and then.
  virtual void look_after() = 0;
  /// The child that keeps the way to it open, for Runner::wait; nullptr when there is none. Opens it again when it
  /// ended and says so to the reporter.
  virtual Process* keep_open() = 0;

  /// Hands out a file of its data folder ("appendonlydir/appendonly.aof.manifest"), piece by piece. Throws Error: usage
  /// where the files are not at hand, failure.
  virtual void read_data_file(const std::string& name, const std::function<void(std::string_view)>& take);

  /// A command has trimmed a stream to its limit: kept for `status` where nothing else keeps an account of it.
  virtual void note_trim(const std::string& /*stream*/, std::int64_t /*removed*/) {}

  /// The program that prints the server's log. Throws Error (usage) where its log is someone else's, or has no such
  /// lines; (not_installed) when it is not there.
  virtual Command logs(const LogLines& lines);

  /// It as something to kill. Throws Error (usage) when the place cannot do that, (not_installed) when it is not there.
  virtual std::unique_ptr<Victim> victim() = 0;
};

/// A change of who may log in to a Redis that is there.
struct UsersPlan {
  std::string operation;  ///< "credentials rotate"
  std::string what;       ///< for people: "a second password"
  UserChange change;
};

/// What a dry run of setup would do. As data: `steps` (name, text), `restarts` (why Redis would start again), `objects`
/// (kind, name, namespace) on a cluster, `values` for helm or `redis_conf`. Secrets are `***`.
struct SetupPlan {
  SetupPlan(std::string text, nlohmann::ordered_json data);
  std::string text;
  std::shared_ptr<nlohmann::ordered_json> data;
};

/// How setup is run, beside the settings.
struct SetupRequest {
  bool diff = false;  ///< of a dry run: what changes, instead of the plan
  /// The record to go back to, in place of the one that is there: `rollback`.
  std::optional<Spec> record{};
  std::string operation = "setup redis";  ///< for the journal
  /// Called, also in a dry run, when it is known why Redis starts again (nothing: it goes on), instead of setup's own
  /// question; throws to refuse.
  std::function<void(const std::vector<std::string>& restarts)> agree{};
};

/// What setup came to.
struct SetupOutcome {
  std::optional<SetupPlan> plan;  ///< of a dry run
  std::optional<SetupDiff> diff;  ///< of one that was asked for it
  Credentials credentials;        ///< as they were written
  bool changed = false;
  SeenRedis seen{};  ///< what runs now, as far as there is advice about it
};

/// How a Redis stands to the Secret that its password is taken from (--existing-secret).
struct StoreState {
  std::string secret;         ///< "NAME" or "NAME/KEY"; "" when it is taken from none
  Secret password;            ///< that the Secret has now
  bool is_own = false;        ///< it is the release's own Secret, which is never written then
  std::size_t passwords = 0;  ///< of its own Secret: how many the running application's user has
  bool known = false;         ///< of its own Secret: whether `password` is one of them
};

/// Which node is to be the master, and who is asked before.
struct FailoverRequest {
  std::optional<int> to;                          ///< its ordinal; none: a replica that Sentinel chooses
  std::function<void(const std::string&)> agree;  ///< told what clients will notice; throws to refuse
};
struct FailoverOutcome {
  std::string plan{};            ///< of a dry run: what would be done; else ""
  std::string from{}, to{};      ///< nodes; the same when it was the master already
  bool address_follows = false;  ///< the address leads to the new master
  double seconds = 0;
};

/// A place where raibid-cli installs and removes the server itself.
class Installer {
 public:
  virtual ~Installer() = default;
  /// Makes the Redis of the settings ready, or brings the one that is there to them. Throws Error: preflight, and
  /// rolled_back or remains as Executor::run.
  virtual SetupOutcome setup(const SetupRequest& request = {}) = 0;
  /// The revisions that are known, newest first; at least one. Throws Error: (not_installed), (usage) where there are
  /// none of ours.
  virtual std::vector<Revision> history();
  /// Lists, asks, and removes. Throws Error as remove_all.
  virtual CommandResult teardown() = 0;
  /// The checks of `doctor`: what setup needs. Each is made, whatever the others say.
  virtual void examine_ground(HealthReport& report) = 0;
  /// What explains a failure, by the names of files: objects, events and logs, never a Secret. Nothing where someone
  /// else runs the server.
  virtual std::vector<std::pair<std::string, std::string>> evidence() { return {}; }
  /// What places and objects around it are called, which an archive for others does not tell: server, nodes.
  virtual std::vector<std::string> names() { return {}; }
  /// The rights that setup needs there, as manifests. Throws Error (usage) where there is nobody to give them.
  virtual std::string rights() const = 0;
  /// Gives the master's role to a replica without losing a write. Throws Error: preflight where there are no replicas,
  /// failure when one is not in sync, rolled_back when it did not come about.
  virtual FailoverOutcome fail_over(const FailoverRequest& request);
  /// Changes who may log in, and this user's credentials file with it, as a run of its own with journal, lock and undo.
  /// Returns the plan of a dry run, else "". Throws Error: usage where there are no users of ours, preflight, and
  /// rolled_back or remains as Executor::run.
  virtual std::string change_users(const UsersPlan& plan);
  /// What it speaks TLS with, by key (server/certificates.hpp), and whom its certificate is for. After a run that was
  /// killed it has previous_certificates_key, too. Throws Error:
  /// (preflight) where certificates are not raibid-cli's or it does not speak TLS, (not_installed).
  virtual SecretContent certificates();
  virtual CertificateSpec certificate_spec();
  /// Changes its certificates while it runs, as a run of its own with journal, lock and undo; open connections go on.
  /// Returns the plan of a dry run, else "". Throws as `certificates`, and rolled_back or remains as Executor::run.
  virtual std::string change_certificates(const CertificatesPlan& plan);
  /// Where the password comes from. Throws Error: usage where there is no such thing, preflight for a Secret that
  /// cannot be used, or a server that lets nobody in whom we know.
  virtual StoreState look_at_store();
  /// For a release whose own Secret a store keeps: the running server lets in whom that Secret lets in and, to
  /// `finish`, nobody else; then this user's credentials file. A run of its own. Returns the plan of a dry run, else
  /// "". Throws as change_users.
  virtual std::string take_over_users(const std::string& operation, bool finish);
  /// Puts a file in place of the data, as a run of its own with journal, lock and undo: the old data are there until
  /// the new ones are proved. Returns the plan of a dry run, else "". Throws Error: preflight where that cannot be
  /// done, and rolled_back or remains as Executor::run.
  virtual std::string restore(const RestorePlan& plan);
  /// The checks of `status`. Throws Error (not_installed) when it is not there.
  virtual CommandResult status() = 0;
};

std::unique_ptr<Installer> open_installer(Context& context, const RedisSettings& settings);

/// A Redis that is there, and the settings that it was set up with.
struct OpenedPlace {
  std::unique_ptr<Place> place;
  RedisSettings settings;
};

/// For a command that uses what is there: opens the Place that the options name, and takes its record into `context`
/// (see take_record_to_read). Throws Error as open_place, Place::installed and take_record_to_read.
OpenedPlace open_recorded(Context& context, NeedsPreset needs);

/// What this machine knows of the record without asking a cluster: the local Redis' own, or that of the credentials
/// file. std::nullopt when it knows none, or several.
std::optional<Spec> record_on_this_machine(const Context& context);

/// Takes the record into `context` as setup would do: what this machine knows of it, or (`ask`) that of the Redis which
/// is there. Throws Error as take_record_for_setup; when it asks, as open_place and Place::installed.
void take_recorded(Context& context, bool ask);

/// The Place that the settings name. Throws Error (preflight) when a cluster is meant and cannot be chosen.
std::unique_ptr<Place> open_place(Context& context, const RedisSettings& settings);

}  // namespace raibid
