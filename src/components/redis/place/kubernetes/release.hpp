#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.hpp"
#include "components/kubernetes/deletion.hpp"
#include "components/kubernetes/lease.hpp"
#include "components/kubernetes/release_state.hpp"
#include "components/redis/place/kubernetes/certificates.hpp"
#include "components/redis/server/users.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/spec.hpp"

namespace raibid {

/// What a cluster holds of one release, as every command reads it. The API's documents end in release_reader.hpp; what
/// nobody asked for is empty.
struct Release {
  /// Helm's records of it.
  struct Record {
    int revision = 0;    ///< the newest
    std::string status;  ///< Helm's: deployed, failed, pending-install …
    bool ours = false;
    std::string digest;     ///< of chart and values, as setup labelled it
    int last_deployed = 0;  ///< the newest revision that is deployed, 0 for none
    WallTime changed{};     ///< when helm last wrote the newest record, by the clock of its machine
    std::string run{};      ///< the id of the run whose helm made the newest record; "" for none of ours
    bool proven = false;    ///< another run has found that record's Redis ready since
  };
  struct Namespace {
    bool ours = false;  ///< its label says that setup made it
    bool terminating = false;
    std::string kept_by{};  ///< what the namespace controller says keeps it while it is terminating
  };
  struct StoredSecret {
    bool ours = false;
    bool complete = false;     ///< has every key that setup writes
    Secret password;           ///< empty when the key is missing
    Secret acl{};              ///< users.acl
    Secret trim{};             ///< trim-password
    SecretContent content{};   ///< all keys
    std::string controller{};  ///< who keeps it instead of us (controller_of), "" for nobody
  };
  /// A StatefulSet.
  struct Workload {
    std::string release;                       ///< the Helm release it belongs to, "" for none
    std::string spec;                          ///< what it was set up with (see Spec)
    std::string claim_size{};                  ///< of its claim template; "" when it has none
    std::optional<std::string> claim_class{};  ///< the template's StorageClass, when it names one
    std::string component{};                   ///< what its selector asks of the pod, beside name and instance
    bool kept_by_policy = false;               ///< helm leaves it when it removes the release (helm.sh/resource-policy)
    int replicas = 0;
    int ready_replicas = 0;
    std::optional<Deletion> deletion{};
    std::string certificate{};  ///< of the pod's template, see certificate_annotation
    std::string way_to_talk{};  ///< of the pod's template, see way_to_talk
    std::string gitops{};       ///< who keeps it instead of setup (gitops_owner), "" for nobody
  };
  struct Pod {
    /// How one of its containers ended before it was started again.
    struct End {
      std::string container, reason;
      int exit_code = 0;
      std::string finished_at;
    };
    /// Why the exporter does not run although Redis does.
    struct ExporterTrouble {
      std::string text, hint;
    };
    std::string name;
    std::string phase;
    std::string node{};   ///< of the cluster, that it runs on
    bool ready = false;   ///< and not being deleted
    bool serves = false;  ///< the same, a failing exporter left out
    bool being_deleted = false;
    std::string way_to_talk{};    ///< to other nodes, see way_to_talk
    bool node_is_silent = false;  ///< see node_is_silent
    bool redis_runs = false;      ///< the container of Redis
    int restarts = 0;
    std::optional<End> last_end{};
    std::string why_not_running{};                    ///< what the scheduler, or a waiting container, says
    std::optional<ExporterTrouble> exporter_trouble;  ///< when it serves and is not ready
  };
  struct Claim {
    std::string name;
    std::string requested;
    std::string storage_class;
    std::string spec{};  ///< what its Redis was set up with; only while a teardown keeps it (see Spec)
    std::string capacity{};
    std::string phase{};
    std::string volume{};  ///< its PersistentVolume, "" when it has none
    std::optional<Deletion> deletion{};
    bool ours = false;  ///< its label says that setup made it: of one for backups
    /// Of the first of several nodes that a teardown kept: it had handed over to this one.
    bool has_everything = false;
  };
  struct Service {
    std::string name;            ///< "NAME", or "NAMESPACE/NAME" for one of another namespace
    std::string release;         ///< the Helm release it belongs to, "" for none
    std::string instance{};      ///< the release whose pods it selects
    std::string other_name{};    ///< of an ExternalName: what it is a name for
    bool is_other_name = false;  ///< its type is ExternalName
  };
  /// The CronJob of the safe trim.
  struct Trimming {
    std::string name, schedule;
    std::string last_started, last_succeeded;  ///< RFC 3339 in UTC, which sort as text; "" for never
    bool running = false;
    bool suspended = false;
  };

  /// The CronJob that takes backups, and what its last run came to.
  struct Backups {
    std::string name, schedule;
    std::string to;                            ///< "claim:NAME" or "rclone:REMOTE:PATH"
    std::string created;                       ///< RFC 3339 in UTC, as the two below
    std::string last_started, last_succeeded;  ///< "" for never
    bool running = false;
    bool suspended = false;
    std::string file{};      ///< that the last successful run wrote; "" when nothing tells
    std::int64_t bytes = 0;  ///< of it
    bool verified = false;   ///< a server has loaded it
    std::string problem{};   ///< why the last run failed, "" when it did not
  };

  /// The replicas that another chart makes beside the first node (Bitnami's architecture=replication): no sentinel, and
  /// nothing that could make one of them the master.
  struct Followers {
    std::string workload{};  ///< their StatefulSet, "" for none
    int wanted = 0, ready = 0;
    std::vector<Pod> pods{};
    std::vector<Claim> claims{};
  };

  ReleaseName id{};
  std::optional<Namespace> name_space{};
  std::optional<Record> record{};
  std::optional<StoredSecret> secret{};
  std::optional<Workload> workload{};
  TlsObjects tls{};
  std::vector<Pod> pods{};
  std::vector<Claim> claims{};
  Followers followers{};
  std::vector<Service> services{};
  std::optional<Trimming> trimming{};
  std::optional<Backups> backups{};
  std::optional<Claim> backup_claim{};  ///< that setup makes for backups; only where someone asked for it
  std::vector<Deletion> deletions{};    ///< everything of it that is being deleted
  std::optional<ReleaseState> state{};  ///< how it differs from Helm's record, when that was asked

  RedisNames names() const { return RedisNames(id.name, id.name_space); }
  bool installed() const { return record || workload; }

  /// Those of the first node, nullptr when there is none.
  const Pod* pod() const { return pod(0); }
  const Claim* claim() const { return claim(0); }
  const Pod* pod(int node) const;
  const Claim* claim(int node) const;
  /// How many nodes it was set up with, or the data of one that a teardown kept; 1 where the record says nothing.
  int nodes() const;
  bool ha() const { return nodes() > 1; }
  /// Another chart made it than ours, by its record.
  bool of_other_chart() const;
  /// By its name as `services` has it; nullptr when there is none.
  const Service* service(const std::string& name) const;
  /// A Service of that name selects the release's pods, or is a name for the release's host.
  bool leads_here(const std::string& service) const;

  /// The container of Redis runs in a pod of it.
  bool redis_runs() const;
  /// Of several nodes those that cannot talk to the others: they talk otherwise than the StatefulSet says.
  std::vector<std::string> unlike_pods() const;
  /// What its Secret has; empty without one.
  SecretContent content() const { return secret ? secret->content : SecretContent{}; }
  /// The deletions that setup must not build on: all but those of pods, which are replaced, and of the namespace.
  std::vector<Deletion> blocking_deletions() const;

  /// What the StatefulSet was set up with; empty for one not set up by raibid-cli. Throws as parse_spec.
  Spec spec() const { return parse_spec(workload ? workload->spec : ""); }
  /// How the Redis that is there speaks TLS, by its record; one that cannot be read says nothing.
  TlsChoice tls_choice() const;
  /// How to speak TLS to it; none: it is plain, or what it mounts is not known.
  std::optional<TlsClient> tls_client() const;
  /// The port of the pod that raibid-cli uses, see pod_port.
  int port() const { return pod_port(tls_choice()); }
  /// What the Redis of this release was set up with: its own record, or that of the data that a teardown kept; "" for
  /// none.
  std::string recorded_spec() const;
};

/// Labels and annotations by which we know our own.
inline constexpr const char* managed_by_label = "app.kubernetes.io/managed-by";
inline constexpr const char* managed_by_us = "raibid-cli";
/// Of the CronJob that takes backups: where they go.
inline constexpr const char* backup_to_annotation = "raibid-cli/backup-to";
inline constexpr const char* digest_label = "raibid-cli/digest";
/// The id of the run that made it: a label of Helm's record, an annotation of namespace and Secret.
inline constexpr const char* run_label = "raibid-cli/run";
/// On the claim of the first of several nodes, see Release::Claim.
inline constexpr const char* has_everything_annotation = "raibid-cli/has-everything";
/// On Helm's record, for `history`: who made the revision, where, and by which command ("setup-redis").
inline constexpr const char* user_label = "raibid-cli/user";
inline constexpr const char* host_label = "raibid-cli/host";
inline constexpr const char* operation_label = "raibid-cli/operation";
/// Of the pod, by the chart's values: another one starts a new pod, where no client can verify what the old one serves.
inline constexpr const char* certificate_annotation = "raibid-cli/certificate-of";
/// A label of Helm's record: the revision that another run has found ready, so that the run which made it may not undo
/// it any more. Helm copies labels to the next revision, where the number tells that it is not meant.
inline constexpr const char* proven_label = "raibid-cli/proven";

}  // namespace raibid
