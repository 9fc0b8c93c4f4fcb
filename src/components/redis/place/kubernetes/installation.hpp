#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>

#include <memory>
#include <optional>
#include <string>

#include "components/context.hpp"
#include "components/kubernetes/deployment_trouble.hpp"
#include "components/kubernetes/rollout.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/kubernetes/access.hpp"
#include "components/redis/place/kubernetes/conversion.hpp"
#include "components/redis/place/kubernetes/node_servers.hpp"
#include "components/redis/place/kubernetes/node_ways.hpp"
#include "components/redis/place/kubernetes/observed.hpp"
#include "components/redis/place/kubernetes/release_certificates.hpp"
#include "components/redis/place/kubernetes/secret_content.hpp"
#include "components/redis/place/kubernetes/setup_passwords.hpp"
#include "components/redis/run/setup_diff.hpp"
#include "components/redis/server/credentials.hpp"
#include "components/redis/server/password.hpp"
#include "components/redis/settings/advice.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/settings.hpp"
#include "plan/step.hpp"
#include "sys/early_child.hpp"

namespace raibid {

class ChartFolder;

/// What setup does about the certificate of a release.
struct CertificatePlan {
  enum class Kind { none, create, replace };
  Kind authority = Kind::none;    ///< Secret F-ca
  Kind certificate = Kind::none;  ///< Secret F-tls
  Kind trust = Kind::none;        ///< ConfigMap F-ca
  Kind issued = Kind::none;       ///< cert-manager's Certificate F-tls
  std::string why{};              ///< the certificate is issued again
  bool takes_over = false;        ///< from cert-manager: its Certificate and Secret go first
  bool gives_over = false;        ///< to cert-manager: it writes into the Secret that is there
  bool needs_restart = false;     ///< what Redis serves now is nothing that a client can verify
};

/// One Redis on its way into a cluster: what the steps of setup share. The watch and the port-forward start as early as
/// they can and are looked after while a step waits for something else.
class Installation {
 public:
  Installation(Context& context, const RedisSettings& settings, const RedisNames& names, ClusterSession& session,
               const Observed& observed, ReleaseLock& lock, Passwords passwords, std::string run);
  ~Installation();

  /// By which command, for `history`.
  void set_operation(const std::string& operation) { m_operation = operation; }
  Plan plan();

  /// The Helm values, the two manifests of our own, and all that the chart makes of the values (`helm template`).
  nlohmann::ordered_json values() const;
  nlohmann::ordered_json namespace_manifest() const;
  nlohmann::ordered_json secret_manifest();
  /// The objects of TLS that setup makes or changes, for people: without a key.
  std::vector<nlohmann::ordered_json> certificate_manifests() const;
  /// The claim for backups; null when there is one already, or none is wanted.
  nlohmann::ordered_json backup_claim_manifest() const;
  std::string render(TimePoint deadline);

  /// What all of this changes of what the cluster has now. Asks helm and the cluster; changes nothing.
  SetupDiff diff();

  /// Whether the release is there with the same chart and values: then helm has nothing to do. What of its objects
  /// differs from its record (drift) is put back without helm.
  bool converged() const;
  /// What was changed in the cluster since the release was made; empty when helm has something to do.
  const std::vector<Drift>& drift() const;

  /// For a change: asks helm what it will make, so that `restarts` and `dropped` name what -f and --set do as well.
  void compare_with_present();

  /// Before a running pod is replaced: asks the API server whether it would take the new one. Throws Error (preflight)
  /// when it refuses; says what it warns of (Pod Security). What depends on the pod that ends (a quota), and a login
  /// that may not make pods, refuse nothing.
  void try_new_pod() const;

  /// When all is done: the release has a record of its own again, so the one that a teardown left at the claim goes.
  /// One that stays does no harm: it counts only where there is no release.
  void forget_kept_record() const;

  const Credentials& credentials() const { return m_credentials; }
  /// What runs when all is done, as far as there is advice about it.
  SeenRedis seen();
  /// What of this change replaces the pod, and what Redis keeps until its next start; empty for a first install.
  std::vector<std::string> restarts() const;
  std::vector<std::string> dropped() const;
  /// Whether the application gets another user, or other rights, in a Redis that is there.
  bool changes_users() const;
  /// Whether clients that log in as they do now will be refused: another name.
  bool changes_user_name() const;
  /// What the change of the certificate replaced is of no use any more, nor is a certificate that nothing mounts.
  void forget_previous_certificate();
  /// The running Redis takes another certificate without a restart.
  bool renews_live() const;
  /// How the Redis of this run speaks TLS, once it is as it should be; none: plain.
  std::optional<TlsClient> tls() const;
  /// What setup would have to write into the Secret of the release that --existing-secret names; "" for nothing.
  std::string would_write() const;
  /// The users that a change of this run has replaced are of no use any more.
  void forget_previous_users();
  /// One node becomes several in this run, or several one.
  enum class Conversion { none, to_several, to_one };
  Conversion conversion() const;
  /// One node goes on with the data of the first of several, which a teardown kept.
  bool takes_first_of_several() const;
  /// Whether the way to the master goes through the proxies by now.
  bool leads_through_proxies() const;
  /// On how many nodes the users change with those of the Secret.
  int nodes_with_users() const { return leads_through_proxies() ? settings.nodes() : 1; }
  /// What whoever undoes may log in with, whatever has been done by then.
  std::vector<Login> logins() const;
  /// The class of the claim that will be made, "" when none is.
  std::string storage_class() const;

  const RedisSettings& settings;
  const Observed& observed;
  ClusterSession& session;

 private:
  Step namespace_step();
  Step password_step();
  Step claim_step();
  Step backup_claim_step();
  Step release_step();
  Step redis_step();
  Step tls_step();
  Step replace_certificate();
  Step remember_certificate();
  Step users_change_step();
  Step nodes_step();
  /// installation_conversion.cpp
  Step node_users_step();
  Step join_step();
  Step take_over_step();
  Step first_node_step();
  Step end_of_failovers_step();
  Step drop_node_users_step();
  Step other_claims_step();
  Step forget_master_step();
  NodeConversion conversion_tools(const std::string& step) const;
  void grow_new_claims();
  /// What only several nodes need is to go: in this run, or what a killed one left.
  bool drops_nodes() const;
  /// Of several nodes some go, or more come.
  bool takes_some_away() const;
  bool adds_some() const;
  /// Several nodes get TLS, lose it, show a certificate of another CA, or get or lose their password: until the last
  /// one is replaced they could not talk to each other, so all are replaced at once (unlike_pods.hpp).
  bool replaces_all_at_once() const;
  /// Before that, when all nodes are well: none of them takes writes any more, and each has everything.
  void stop_writes_before_replacing();
  /// Nodes that cannot talk to the others, for instance because an undo was killed.
  std::vector<std::string> unlike_pods() const;
  std::vector<std::string> replace_unlike_pods();
  void follow_as_the_others();
  void wait_for_pods(std::size_t number);
  /// A helm upgrade with the values of now.
  StepResult upgrade_again();
  Step address_step();

  /// Starts what will store the password and what will make the release: both wait for their input until their step.
  void start_early();
  void store_password();
  /// raibid-cli's own login once all is as it should be.
  Login wanted_login() const {
    return settings.user.name.empty() ? Login(m_passwords.handed_out())
                                      : Login(std::string(admin_user), m_passwords.admin);
  }
  ApplicationUser application_user() const { return {settings.user, m_passwords.admin}; }
  /// What our Secret holds, with the application's user as it should be.
  SecretContent with_wanted_users(const SecretContent& present);
  bool changes_application_user() const;
  std::string describe_user_change() const;
  std::string describe_application_change() const;
  /// Of several nodes: the users by which they know each other, where our Secret lacks them.
  SecretContent missing_node_users();
  /// Looks until nothing is wrong any more with what `trouble` judges. Throws Error (failure) at the deadline.
  void wait_for_address();
  /// What the users are told to: the master alone, or all nodes and sentinels.
  UserServers servers();
  /// Users, and with what the nodes log in to each other, of one that has started with older files.
  bool settle_node_users();
  std::string what_proxies_wait_for(TimePoint until);
  Topology wait_for_nodes(const std::string& step, std::string (*trouble)(const Topology&));
  NodeWays& node_ways();
  SecretContent put_back_passwords() const;
  /// The user of the streams that are trimmed, with the password that it has or a new one; of no stream: none.
  TrimUser trim_user();
  /// Whether our Secret lacks the trim user, or has it with other rights.
  bool trim_user_is_missing() const;
  /// The same of the user that backups are taken by.
  bool backup_user_is_missing() const;
  std::vector<std::string> missing_helpers() const;
  SecretContent with_missing_helpers(SecretContent content);
  /// Whether a step of its own changes users: the application's, or those with a job of their own. Where the number of
  /// nodes changes these come with the users of the nodes.
  bool settles_users() const {
    const bool with_nodes = conversion() != Conversion::none || drops_nodes() || takes_first_of_several();
    return changes_users() || (!with_nodes && !missing_helpers().empty());
  }
  StepResult upgrade();
  StepResult put_back();
  /// What this change restarts Redis for, by record, certificate and pod template.
  std::vector<std::string> changes_that_restart() const;
  std::vector<std::string> template_changes() const;
  /// What the running server is held against: what helm was given, whoever gave it.
  const Directives& expected_directives();
  bool has_acl_file() const;
  /// Waits until the pod is Ready and Redis answers PONG; the connection stays open for the steps that follow.
  RedisConnection& ready();
  Helm::Install install_request() const;
  /// Nobody changed what was observed before the lock was ours.
  void take_lock();
  /// Says in Helm's record that this run has found its revision ready, when another run made it.
  void mark_proven();
  void plan_certificate();
  void plan_own_certificate();
  void complete_exporter_file();
  /// cert-manager: its Certificate, which makes the Secret.
  nlohmann::ordered_json issued_certificate() const;
  bool issued_certificate_differs() const;
  void put_issued_certificate();
  void give_up_issued_certificate();
  void wait_for_issued_certificate();
  /// cert-manager's renewals are read by a user of their own.
  bool needs_reload_user() const;
  bool reload_user_differs() const;
  SecretContent with_wanted_reload_user(SecretContent content) const;
  bool tls_was_on() const;
  /// Redis shows another certificate than its Secret has: someone else has renewed that.
  bool shows_other_certificate(const RedisConnection& redis) const;
  void serve_certificate(RedisConnection& redis, const SecretContent& content);
  void serve_on_nodes(const SecretContent& content);
  void plan_trust();
  bool shows_what_nobody_verifies();
  TlsClient tls_with(const SecretContent& content) const;
  SecretContent made_by_us() const;
  std::string describe_certificate_work() const;
  bool has_its_secret() const;
  bool helm_starts_early() const;  ///< another chart than ours it might install with the chart's own values
  std::string digest() const;
  bool has_its_services() const;

  /// Waits for news of the children and takes it in; throws when the rollout cannot succeed.
  void tend(Process* other, TimePoint until);
  void expect_new_pod();
  void check_asked_for(const nlohmann::json& workload) const;
  void ask_redis_why();
  bool exporter_may_come();
  void say_what_ails_exporter() const;

  Context& m_context;
  ReleaseLock& m_lock;
  const RedisNames& m_names;
  Passwords m_passwords;
  Login m_login;  ///< raibid-cli's own, as the running server knows it now
  std::string m_operation = "setup redis";
  std::string m_run;  ///< with which everything is stamped that it makes; "" in a dry run
  Credentials m_credentials;
  Rollout m_rollout;
  bool m_pod_is_old = false;             ///< a change is under way that may replace the pod: no port-forward to it
  std::string m_step;                    ///< the step that waits, for progress
  std::filesystem::path m_chart_folder;  ///< where the embedded chart is unpacked while helm reads it
  std::unique_ptr<ChartFolder> m_chart;
  std::unique_ptr<EarlyChild> m_secret;
  Secret m_acl;                ///< users.acl of our Secret, as far as this run has changed it
  bool m_secret_made = false;  ///< with the namespace
  std::unique_ptr<EarlyChild> m_helm;
  std::shared_ptr<const nlohmann::json> m_rendered;  ///< what helm will make; null when it was not asked
  std::optional<Directives> m_expected;
  KubernetesRedis m_redis;
  std::optional<NodeWays> m_nodes;             ///< of several
  std::optional<DeploymentTrouble> m_proxies;  ///< of several: what leads to the master
  std::optional<NodeServers> m_servers;        ///< the same, for a change of who may log in
  bool m_joining = false;                      ///< one node becomes several, and the others have not everything yet
  bool m_handed_over = false;                  ///< and now another one is the master
  int m_upgrades = 0;                          ///< of helm, in this run
  std::string m_version;                       ///< of the Redis that runs
  bool m_address_leads = false;                ///< of several nodes: the way to the master has settled
  SecretStore m_store;
  ReleaseCertificates m_certificates;
  CertificatePlan m_work;
  SecretContent m_mounted;  ///< of the Secret with the certificate, once this run has done its part
  TimePoint m_asked_redis{};
  std::optional<TimePoint> m_ready_without_exporter;
};

}  // namespace raibid
