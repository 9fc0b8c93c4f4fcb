#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "components/context.hpp"
#include "components/redis/place/local/certificates_local.hpp"
#include "components/redis/place/local/connector.hpp"
#include "components/redis/place/local/instance.hpp"
#include "components/redis/place/local/local_nodes.hpp"
#include "components/redis/run/home_lock.hpp"
#include "components/redis/run/setup_diff.hpp"
#include "components/redis/server/credentials.hpp"
#include "components/redis/server/password.hpp"
#include "components/redis/settings/settings.hpp"
#include "components/redis/settings/spec.hpp"
#include "plan/executor.hpp"
#include "plan/step.hpp"
#include "sys/files.hpp"

namespace raibid {

/// One Redis on its way onto this machine: what the steps share.
class LocalInstallation {
 public:
  /// `proxy`: of several nodes.
  LocalInstallation(Context& context, const RedisSettings& settings, const LocalServer& server, LocalProxy proxy = {})
      : m_context(context),
        m_settings(settings),
        m_server(server),
        m_proxy(std::move(proxy)),
        m_instance(context, settings.release),
        m_connector(context.redis, m_instance),
        m_store(context, m_instance),
        m_certificates(context, m_instance) {}

  /// Reads what is there; the journal is held by then. Not the certificates while what a killed run left is not undone:
  /// half of a change fits nothing.
  void look(bool certificates = true);

  /// Before anything is started: throws Error (preflight) when another process has the port.
  void check_port() const;
  /// Throws Error (preflight) when the one that is there has another number of nodes.
  void check_nodes() const;
  Plan plan();
  /// What all of this changes of the files that are there; nothing of what is in one with passwords.
  SetupDiff diff() const;
  void add_undos(UndoTable& table, const std::function<TimePoint()>& deadline);

  /// Why a running server would be restarted; empty when it goes on.
  /// For a dry run: by what a server is known to take while it runs, where setup asks the server itself.
  std::vector<std::string> restarts();
  /// Of several nodes: throws Error (preflight) for any such reason.
  void refuse_restart(const std::vector<std::string>& reasons) const;
  /// Asks before a running server is restarted: `to_restart`, where there is one (see SetupRequest::agree). Throws as
  /// agree_to_restart.
  void agree(const std::function<void(const std::vector<std::string>&)>& to_restart);

  /// The run has ended well.
  void forget_previous_certificates() { raibid::forget_previous_certificates(m_certificates); }

  void set_run(const std::string& id) { m_run = id; }
  /// The run has ended well.
  void forget_previous_users();

  /// What a running server holds has to fit. Throws as about_less_memory.
  void check_memory();

  /// When all is done: streams above their limit, of what every group is done with. A failure is no failure of setup.
  void trim_streams();

  const Credentials& written() const { return m_credentials; }
  const LocalInstance& instance() const { return m_instance; }
  std::string conf() const {
    return several() ? nodes_conf(m_instance, m_node_port, m_settings)
                     : local_conf(m_instance, m_port, m_settings, m_plain_port);
  }

  /// The copies that an undo of a later step still needs; gone once the run has ended well, and before one begins.
  void forget_previous_files();

 private:
  /// Clients keep the port that they have: plain ones while they move to TLS, all of them afterwards.
  void choose_ports(const std::optional<LocalInstance::State>& state);

  /// What the certificates should be; and whether the running server serves them.
  void look_at_certificates(const std::optional<LocalInstance::State>& state);

  /// Not when it restarts: then it reads them at its start.
  void reload(const SecretContent& content);
  Step certificate_step();

  /// What CONFIG SET takes: the directives, and what of TLS can be changed while Redis runs.
  Directives live_directives() const;
  Secret choose_password();
  Secret choose_admin_password() const;

  const Secret& handed_out() const { return m_next_password.empty() ? m_password : m_next_password; }

  SecretContent with_wanted_user(const SecretContent& present) const;

  ApplicationUser application_user() const { return {m_settings.user, m_admin_password}; }

  /// raibid-cli's own login once all is as it should be.
  Login wanted_login() const;

  /// Whether the application gets another user, or other rights, in a Redis that is there.
  bool changes_users() const;
  std::unique_ptr<RedisConnection> log_in(const Login& login, TimePoint deadline);
  Step users_change_step();
  Credentials credentials() const;
  Step folder_step();

  /// What of the passwords no file has yet (an empty value: a file that should go). Users that change do so in a step
  /// of their own.
  SecretContent missing_passwords() const;
  Step password_step();

  /// Users that are about to change are changed by a step of their own (users_change_step). Two passwords that hold
  /// stay.
  std::string acl_text() const;
  std::vector<std::pair<fs::path, std::string>> files() const;

  /// What is already as it should be is not written again.
  std::vector<std::pair<fs::path, std::string>> changed_files() const;
  /// Writes those, with a copy of what was there beside each. False when there was nothing to write.
  bool write_files();
  std::vector<Undo> undo_files() const;
  Step server_step();

  bool several() const { return m_settings.ha(); }
  void choose_node_ports(const std::optional<LocalInstance::State>& state);
  /// Throws Error (preflight) when another process has the port of a node that does not run.
  void check_node_ports() const;
  bool some_server_runs() const;
  LocalNodes& nodes();
  /// The running server; of several nodes one that runs, whoever is the master.
  RedisConnection& running(TimePoint deadline);
  /// What CONFIG SET tells each node.
  Directives node_directives() const;
  Secret choose_internal_password() const;
  Undo undo_start(const LocalProcess& process) const;
  void stop_process(const fs::path& folder, TimePoint deadline);
  /// Logs in to all servers that run.
  UserServers user_servers(const std::function<TimePoint()>& deadline);
  Step nodes_step();
  Step address_step();
  Step settings_step();

  /// Before it is done.
  void say_what_changes(bool restart);
  std::vector<Undo> server_undos();

  /// Why TLS makes a restart; what a client would notice stands there, too.
  std::optional<std::string> tls_reason() const;

  /// Settings that CONFIG SET does not take are read at the start only.
  /// What of the settings alone makes a restart.
  std::vector<std::string> reasons_of_settings();
  bool needs_restart();
  Step redis_step();
  RedisConnection& connection(TimePoint deadline);

  /// It was started, and is not there any more: no waiting brings it back.
  Error ended() const;
  Context& m_context;
  const RedisSettings& m_settings;
  const LocalServer& m_server;
  LocalProxy m_proxy;
  LocalInstance m_instance;
  LocalConnector m_connector;
  std::shared_ptr<HomeLock> m_port_lock;
  bool m_existed = false;
  bool m_ran = false;
  int m_port = 0;                            ///< that applications are handed: of TLS when it is on
  int m_plain_port = 0;                      ///< beside it, or 0
  int m_node_port = 0, m_sentinel_port = 0;  ///< of several nodes
  Secret m_internal_password;                ///< by which those log in to each other
  bool m_restarts_proxy = false;             ///< it reads its file at its start alone
  std::optional<LocalNodes> m_nodes;
  std::vector<std::unique_ptr<RedisConnection>> m_one_node;
  Secret m_password;
  Secret m_next_password;   ///< a second one that is to be handed out from now on; mostly empty
  Secret m_admin_password;  ///< of `admin`; empty while the application's user is `default`
  SecretContent m_present;  ///< who may log in before this run
  Login m_login;            ///< raibid-cli's own, as the running server knows it now
  std::string m_run;        ///< the id of the run
  LocalUserStore m_store;
  LocalCertificateStore m_certificates;
  CertificateWork m_work;  ///< what the certificates become
  bool m_serves_another = false;
  Credentials m_credentials;
  std::optional<Spec> m_before;
  std::optional<bool> m_restart;
  std::vector<std::string> m_reasons;  ///< of it
  std::unique_ptr<RedisConnection> m_connection;
};

}  // namespace raibid
