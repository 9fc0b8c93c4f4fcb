#include "components/redis/place/local/setup_local.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/strings.hpp"
#include "components/redis/place/local/certificates_local.hpp"
#include "components/redis/place/local/connector.hpp"
#include "components/redis/place/local/instance.hpp"
#include "components/redis/place/local/restore_local.hpp"
#include "components/redis/place/local/undo_local.hpp"
#include "components/redis/run/credentials_run.hpp"
#include "components/redis/run/home_lock.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/run/restart.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/server/connect.hpp"
#include "components/redis/server/password.hpp"
#include "components/redis/server/rotation.hpp"
#include "components/redis/server/running_acl.hpp"
#include "components/redis/server/running_config.hpp"
#include "components/redis/server/safe_trim.hpp"
#include "components/redis/settings/advice.hpp"
#include "components/redis/settings/change.hpp"
#include "components/redis/settings/record.hpp"
#include "components/redis/settings/redis_conf.hpp"
#include "config/yaml.hpp"
#include "sys/files.hpp"
#include "sys/listener.hpp"
#include "sys/random.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

/// One Redis on its way onto this machine: what the steps share.
class LocalSetup {
 public:
  LocalSetup(Context& context, const RedisSettings& settings, const LocalServer& server)
      : m_context(context),
        m_settings(settings),
        m_server(server),
        m_instance(context, settings.release),
        m_connector(context.redis, m_instance),
        m_store(context, m_instance),
        m_certificates(context, m_instance) {}

  /// Reads what is there; the journal is held by then. Not the certificates while what a killed run left is not undone:
  /// half of a change fits nothing.
  void look(bool certificates = true) {
    m_existed = m_instance.exists();
    m_ran = m_instance.pid().has_value();
    // until the server listens: two runs that choose at the same time would choose the same port
    if (!m_ran && !m_context.guard.dry_run() && !m_port_lock) m_port_lock = lock_home(m_context, "ports.lock");
    const auto state = m_instance.state();
    if (state) m_before = state->spec;
    choose_ports(state);
    if (certificates) look_at_certificates(state);
    m_next_password = Secret();
    m_password = choose_password();
    m_present = m_before && m_before->auth ? m_instance.content() : SecretContent{};
    m_admin_password = choose_admin_password();
    const bool known = m_settings.auth && !value_of(m_present, password_key).empty();
    m_login = known ? admin_login(m_present) : wanted_login();
    m_credentials = credentials();
  }

  /// Before anything is started: throws Error (preflight) when another process has the port.
  void check_port() const {
    if (!m_instance.listens(m_port) && find_listener(m_port))
      throw m_instance.not_running(m_port).with_code(ExitCode::preflight);
  }

  Plan plan() {
    const RedisSource redis = [this]() -> RedisConnection& { return connection(m_context.deadline); };
    Plan steps = {folder_step(), server_step(), redis_step()};
    if (changes_users()) steps.insert(m_ran ? steps.end() : steps.begin() + 1, users_change_step());
    if (m_settings.tls.enabled()) steps.insert(steps.begin() + 1, certificate_step());
    if (m_settings.auth) steps.insert(steps.begin() + 1, password_step());
    if (!m_settings.streams.empty()) {
      steps.push_back(stream_step(m_settings, redis));
      // what a first setup wrote goes with its folder
      if (!m_existed) steps.back().undo = [] { return std::vector<Undo>{}; };
    }
    steps.push_back(credentials_step(m_context, m_credentials, m_settings.preset));
    return steps;
  }

  void add_undos(UndoTable& table, const std::function<TimePoint()>& deadline) {
    add_common_undos(table, m_context, [this, deadline]() -> RedisConnection& { return connection(deadline()); });
    add_restore_undos(table, m_context, m_instance, deadline);
    add_users_undo(table, m_store, [this, deadline](const Login& login) -> std::unique_ptr<RedisConnection> {
      m_connection.reset();
      if (!m_instance.pid()) return nullptr;  // it reads the files when it starts
      return log_in(login, deadline());
    });
    add_certificates_undo(table, m_certificates, [this, deadline](const SecretContent& content) {
      const auto state = m_instance.state();
      if (!m_instance.pid() || !state) return;
      m_connection.reset();
      reload_local_certificates(m_context, m_instance, connection(deadline()), state->port, content);
    });
    table["local.stop"] = [this, deadline](const auto&) {
      m_connection.reset();
      m_instance.stop(m_context.runner, deadline());
    };
    table["local.restart"] = [this, deadline](const auto&) {
      m_connection.reset();
      m_instance.stop(m_context.runner, deadline());
      const auto state = m_instance.state();  // its files are back: another port may be
      m_instance.start(m_context.runner, m_server.program, state ? state->port : m_port, deadline());
    };
  }

  /// Asks before a running server is restarted. Throws as agree_to_restart.
  void agree() {
    if (m_ran && needs_restart()) agree_to_restart(m_context, m_reasons);
    const bool asks_for_more = m_settings.tls.client_certificates && m_before && !m_before->tls.client_certificates;
    if (asks_for_more && m_before->tls.enabled())
      agree_to_refused_clients(m_context, "clients that show no certificate of the CA");
    const std::string before = application_login(m_present).username;
    if (changes_users() && before != m_settings.user.name)
      agree_to_other_user(m_context, shown_user(application_login(m_present)));
  }

  /// The run has ended well.
  void forget_previous_certificates() { raibid::forget_previous_certificates(m_certificates); }

  void set_run(const std::string& id) { m_run = id; }
  /// The run has ended well.
  void forget_previous_users() {
    if (!m_instance.content().contains(previous_users_key)) return;
    raibid::forget_previous_users(m_store);
  }

  /// What a running server holds has to fit. Throws as about_less_memory.
  void check_memory() {
    if (!m_ran || !m_before || m_before->auth != m_settings.auth) return;
    const std::string dropped =
        about_less_memory(connection(m_context.deadline), m_settings.directives, less_memory_hint(m_context));
    if (!dropped.empty()) m_context.reporter.warning(dropped);
  }

  /// When all is done: streams above their limit, of what every group is done with. A failure is no failure of setup.
  void trim_streams() {
    if (m_context.settings.text("trim-schedule") == "off") return;
    try {
      for (const StreamSpec& stream : m_settings.streams) {
        if (const auto result = trim_above_limit(connection(m_context.deadline), stream.name, stream.max_length,
                                                 [this](std::int64_t) { m_context.signals.check(); })) {
          m_instance.note_trim(m_context, stream.name, result->removed);
          m_context.reporter.note(fmt::format("{}: {} that every group was done with made room", printable(stream.name),
                                              counted(result->removed, "entry", "entries")));
        }
      }
    } catch (const Error& error) {
      m_context.reporter.warning("a stream above its limit was not trimmed: " + error.message());
    }
  }

  const Credentials& written() const { return m_credentials; }
  const LocalInstance& instance() const { return m_instance; }
  std::string conf() const { return local_conf(m_instance, m_port, m_settings, m_plain_port); }

  /// The copies that an undo of a later step still needs; gone once the run has ended well, and before one begins.
  void forget_previous_files() {
    for (const fs::path& path : {m_instance.acl(), m_instance.conf(), m_instance.state_file()}) {
      const fs::path previous = path.string() + ".previous";
      if (fs::exists(previous)) m_context.files.remove_tree(previous);
    }
  }

 private:
  /// Clients keep the port that they have: plain ones while they move to TLS, all of them afterwards.
  void choose_ports(const std::optional<LocalInstance::State>& state) {
    const bool migrates = state && state->plain_port != 0;
    const int usual = !state ? choose_port() : migrates ? state->plain_port : state->port;
    m_plain_port = m_settings.tls.migrate ? usual : 0;
    m_port = !m_settings.tls.migrate ? usual : migrates ? state->port : choose_port(tls_migration_port);
  }

  /// What the certificates should be; and whether the running server serves them.
  void look_at_certificates(const std::optional<LocalInstance::State>& state) {
    m_work = {};
    m_serves_another = false;
    if (!m_settings.tls.enabled()) return;
    m_work = wanted_certificates(m_context, m_settings, m_instance);
    if (m_work.changes || !m_ran || !state || !state->spec.tls.enabled()) return;
    try {
      const auto kept = read_certificate(value_of(m_work.wanted, tls_certificate_key).reveal(), tls_certificate_key);
      m_serves_another = served_certificate_of(m_context, state->port).fingerprint != kept.fingerprint;
    } catch (const Error&) {
      m_serves_another = true;  // whatever it is, reading the files again says
    }
  }

  /// Not when it restarts: then it reads them at its start.
  void reload(const SecretContent& content) {
    if (!m_ran || needs_restart()) return;
    reload_local_certificates(m_context, m_instance, connection(m_context.deadline), m_port, content);
  }

  Step certificate_step() {
    const std::string by_hand = m_context.scope().command("setup redis");
    const auto reload_it = [this](const SecretContent& content) { reload(content); };
    if (m_work.changes)
      return certificates_step(
          m_certificates, reload_it, [this](const SecretContent&) { return m_work.wanted; }, m_work.why, m_run,
          by_hand);
    Step step;
    step.name = "certificate";
    const auto facts = read_certificate(value_of(m_work.wanted, tls_certificate_key).reveal(), tls_certificate_key);
    const std::string left = counted(days_left(facts.not_after, m_context.clock.wall()), "day", "days") + " left";
    step.intent = m_serves_another ? "let Redis read it again" : "keep it: " + left;
    step.undo = [] { return std::vector<Undo>{}; };
    step.act = [this, left]() -> StepResult {
      if (!m_serves_another) return {Outcome::unchanged, left};
      reload(m_work.wanted);
      return {Outcome::changed, "read again by Redis, " + left};
    };
    return step;
  }

  /// What CONFIG SET takes: the directives, and what of TLS can be changed while Redis runs.
  Directives live_directives() const {
    Directives directives = m_settings.directives;
    for (auto& line : tls_directives(m_settings.tls)) directives.push_back(std::move(line));
    return directives;
  }

  Secret choose_password() {
    if (!m_settings.auth) return {};
    const Secret present = m_instance.password();
    if (m_settings.password_file.empty()) return present.empty() ? generate_password(m_context.random) : present;
    Secret wanted = read_password_file(m_settings.password_file, m_context.deadline);
    if (present.empty() || present == wanted) return wanted;
    // beside the present one: clients go on with that until they have the new one
    if (m_before && m_before->auth) {
      refuse_third_password(m_context, m_instance.content());
      m_next_password = wanted;
      return present;
    }
    throw Error(
        ExitCode::usage,
        fmt::format("{} has another password than --password-file {}", m_settings.release, m_settings.password_file),
        "clients use the current one: leave --password-file out to keep it, or tear this Redis down first");
  }

  Secret choose_admin_password() const {
    if (m_settings.user.name.empty()) return {};
    const Secret present = value_of(m_instance.content(), admin_password_key);
    return present.empty() ? generate_password(m_context.random) : present;
  }

  const Secret& handed_out() const { return m_next_password.empty() ? m_password : m_next_password; }

  SecretContent with_wanted_user(const SecretContent& present) const {
    SecretContent wanted = with_application_user(present, m_settings.user, m_admin_password);
    return m_next_password.empty() ? wanted
                                   : with_second_password(std::move(wanted), m_next_password, m_context.clock.wall());
  }

  ApplicationUser application_user() const { return {m_settings.user, m_admin_password}; }

  /// raibid-cli's own login once all is as it should be.
  Login wanted_login() const {
    return m_settings.user.name.empty() ? Login(handed_out()) : Login(std::string(admin_user), m_admin_password);
  }

  /// Whether the application gets another user, or other rights, in a Redis that is there.
  bool changes_users() const {
    if (!m_settings.auth || !m_before || !m_before->auth || value_of(m_present, password_key).empty()) return false;
    const bool has_none = m_settings.user.name.empty() && application_login(m_present).username.empty();
    return !m_next_password.empty() || (!has_none && with_wanted_user(m_present) != m_present);
  }

  std::unique_ptr<RedisConnection> log_in(const Login& login, TimePoint deadline) {
    RedisEndpoint endpoint;
    endpoint.port = m_port;
    endpoint.username = login.username;
    endpoint.password = login.password;
    const Duration left = std::chrono::duration_cast<Duration>(deadline - m_context.runner.now());
    return connect_redis(m_connector, endpoint, std::clamp(left, Duration(100), reply_limit));
  }

  Step users_change_step() {
    const std::string before = shown_user(application_login(m_present));
    const std::string after = shown_user({m_settings.user.name, m_password});
    return users_step(
        m_store, [this](const Login& login) { return m_instance.pid() ? log_in(login, m_context.deadline) : nullptr; },
        [this](const SecretContent& present) { return with_wanted_user(present); },
        before != after           ? fmt::format("user {} instead of {}", after, before)
        : m_next_password.empty() ? "the rights of user " + after
                                  : "a second password; both are valid until --finish",
        m_run, m_context.scope().command("setup redis"),
        [this] {
          m_login = wanted_login();
          m_connection.reset();
        });
  }

  Credentials credentials() const {
    Credentials credentials;
    credentials.host = "127.0.0.1";
    credentials.port = m_port;
    credentials.password = handed_out();
    credentials.name_space = m_settings.name_space;
    if (!m_settings.streams.empty()) {
      credentials.stream = m_settings.streams.front().name;
      if (!m_settings.streams.front().groups.empty())
        credentials.consumer_group = m_settings.streams.front().groups.front();
    }
    credentials.context = "local";
    credentials.release = m_settings.release;
    credentials.target = "local";
    credentials.tls = m_settings.tls.enabled();
    credentials.ca_certificate = value_of(m_work.wanted, tls_trusted_key).reveal();
    credentials.username = shown_user({m_settings.user.name, m_password});
    credentials.admin_password = m_admin_password;
    credentials.record = to_json(spec_of(m_settings));
    credentials.path = credentials_path(m_context.paths, credentials, m_settings.preset);
    return credentials;
  }

  Step folder_step() {
    Step step;
    const std::string shown = m_context.paths.shown(m_instance.folder());
    step.name = "folder";
    step.intent = "make " + shown;
    step.undo = [this]() -> std::vector<Undo> {
      if (fs::exists(m_instance.folder())) return {};
      return {{"file.remove", {{"path", m_instance.folder()}}, "rm -rf " + shell_quote(m_instance.folder().string())}};
    };
    step.act = [this, shown]() -> StepResult {
      const bool there = fs::exists(m_instance.folder());
      m_context.files.make_private_directory(m_instance.folder());
      m_context.files.make_private_directory(m_instance.data());
      return {there ? Outcome::unchanged : Outcome::changed, shown};
    };
    return step;
  }

  /// What of the passwords no file has yet (an empty value: a file that should go). Users that change do so in a step
  /// of their own.
  SecretContent missing_passwords() const {
    SecretContent missing;
    if (m_instance.password().empty()) missing[password_key] = m_password;
    if (changes_users()) return missing;
    const SecretContent present = m_instance.content();
    const SecretContent wanted = {{username_key, Secret(m_settings.user.name)}, {admin_password_key, m_admin_password}};
    for (const auto& [key, value] : wanted) {
      if (value_of(present, key) != value) missing[key] = value;
    }
    return missing;
  }

  Step password_step() {
    Step step;
    step.name = "password";
    step.intent = fmt::format("keep it in {} (0600)", m_context.paths.shown(m_instance.password_file()));
    step.undo = [this]() -> std::vector<Undo> {
      std::vector<Undo> undos;
      for (const auto& [key, value] : missing_passwords()) {
        if (value.empty()) continue;
        const std::string path = m_instance.file_of(key);
        undos.push_back({"file.remove", {{"path", path}}, "rm -f " + shell_quote(path)});
      }
      return undos;
    };
    step.act = [this]() -> StepResult {
      const std::string detail = fmt::format("{} characters", m_password.reveal().size());
      const SecretContent missing = missing_passwords();
      m_store.write(missing);
      return {missing.empty() ? Outcome::unchanged : Outcome::changed, detail};
    };
    return step;
  }

  /// Users that are about to change are changed by a step of their own (users_change_step). Two passwords that hold
  /// stay.
  std::string acl_text() const {
    const std::vector<std::string> hashes = password_hashes(m_present);
    const bool both =
        hashes.size() > 1 && std::find(hashes.begin(), hashes.end(), sha256_hex(m_password.reveal())) != hashes.end();
    if (changes_users() || (both && m_settings.auth)) return value_of(m_instance.content(), acl_key).reveal();
    return acl_file(m_password, Secret(), {}, application_user());
  }

  std::vector<std::pair<fs::path, std::string>> files() const {
    const Spec spec = spec_of(m_settings);
    nlohmann::ordered_json state = {
        {"port", m_port}, {"namespace", m_settings.name_space}, {"spec", nlohmann::ordered_json::parse(to_json(spec))}};
    if (m_plain_port != 0) state["plain_port"] = m_plain_port;
    return {{m_instance.acl(), acl_text()},
            {m_instance.conf(), conf()},
            {m_instance.state_file(), json_text(state, 2) + "\n"}};
  }

  // What is already as it should be is not written again.
  std::vector<std::pair<fs::path, std::string>> changed_files() const {
    auto changed = files();
    std::erase_if(changed, [](const auto& file) { return read_file(file.first) == file.second; });
    return changed;
  }

  Step server_step() {
    Step step;
    step.name = "server";
    step.intent = fmt::format("run {} {} at 127.0.0.1:{}", m_server.program, m_server.version, m_port);
    step.undo = [this] { return server_undos(); };
    step.act = [this]() -> StepResult {
      const std::shared_ptr<HomeLock> held = std::move(m_port_lock);
      const auto changed = changed_files();
      for (const auto& [path, content] : changed) {
        if (const auto present = read_file(path)) m_context.files.write_atomic(path.string() + ".previous", *present);
        m_context.files.write_atomic(path, content);
      }
      const bool restart = m_ran && needs_restart();
      say_what_changes(restart);
      if (restart) {
        m_connection.reset();  // it leads to the server that goes
        m_instance.stop(m_context.runner, m_context.deadline);
      }
      if (restart || !m_ran) m_instance.start(m_context.runner, m_server.program, m_port, m_context.deadline);
      const std::string detail = fmt::format("{} {} at 127.0.0.1:{}{}", m_server.program, m_server.version, m_port,
                                             restart ? ", restarted" : "");
      return {!changed.empty() || !m_ran ? Outcome::changed : Outcome::unchanged, detail};
    };
    return step;
  }

  /// Before it is done.
  void say_what_changes(bool restart) {
    if (restart) m_context.reporter.note("this change restarts Redis: " + join(m_reasons, ", "));
    if (restart || !m_ran || !m_before) return;
    const auto dropped = dropped_directives(*m_before, spec_of(m_settings));
    if (!dropped.empty())
      m_context.reporter.note("no longer configured, but kept by Redis until its next start: " + join(dropped, ", "));
  }

  std::vector<Undo> server_undos() {
    std::vector<Undo> undos;
    const auto changed = changed_files();
    const std::string kill = fmt::format("kill $(cat {})", shell_quote((m_instance.folder() / "redis.pid").string()));
    // newest first: a server that ran is started again after its files are back, one that did not is stopped before
    // they go
    if (m_ran && !changed.empty() && needs_restart()) {
      undos.push_back({"local.restart", {}, kill + " && redis-server " + shell_quote(m_instance.conf().string())});
    }
    for (const auto& [path, content] : changed) {
      if (fs::exists(path)) {
        undos.push_back({"file.restore",
                         {{"path", path}},
                         shell_join(std::vector<std::string>{"mv", path.string() + ".previous", path})});
      } else {
        undos.push_back({"file.remove", {{"path", path}}, "rm -f " + shell_quote(path.string())});
      }
    }
    if (!m_ran) undos.push_back({"local.stop", {}, kill});
    return undos;
  }

  /// Why TLS makes a restart; what a client would notice stands there, too.
  std::optional<std::string> tls_reason() const {
    if (!m_before) return std::nullopt;
    const TlsChoice& before = m_before->tls;
    const TlsChoice& after = m_settings.tls;
    const auto ports = [](const TlsChoice& tls) {
      return !tls.enabled() ? "off" : tls.migrate ? "on beside the plain port" : "on";
    };
    if (std::string_view(ports(before)) == ports(after)) return std::nullopt;
    const bool refuses_plain = after.enabled() && !after.migrate;
    return fmt::format("TLS {} → {}{}", ports(before), ports(after),
                       refuses_plain      ? " (clients that do not speak TLS are refused from then on)"
                       : !after.enabled() ? " (clients that speak TLS are refused from then on)"
                                          : "");
  }

  // Settings that CONFIG SET does not take are read at the start only.
  bool needs_restart() {
    if (!m_restart && m_before && m_before->auth != m_settings.auth) {
      m_restart = true;  // users are read at the start, and this run's password does not open what runs now
      m_reasons = {m_settings.auth ? "password off → on" : "password on → off"};
    }
    if (const auto reason = tls_reason()) {
      if (!m_restart) m_reasons.push_back(*reason);
      m_restart = true;
    }
    if (!m_restart) {
      RedisConnection& redis = connection(m_context.deadline);
      m_restart = false;
      for (const Difference& difference : config_differences(redis, live_directives())) {
        // setting it to what it is tells whether it can be set at all
        if (!redis.command({"CONFIG", "SET", difference.name, difference.running}).is_error()) continue;
        m_restart = true;
        m_reasons.push_back(fmt::format("{} {} → {}", difference.name, difference.running, difference.wanted));
      }
    }
    return *m_restart;
  }

  Step redis_step() {
    Step step;
    step.name = "redis";
    step.intent = "wait until Redis answers PONG, then compare its settings with what was asked";
    step.undo = [this] {
      return m_ran ? undo_settling(live_directives(), connection(m_context.deadline)) : std::vector<Undo>{};
    };
    step.act = [this]() -> StepResult {
      bool changed = false;
      std::string detail = settle_config(live_directives(), connection(m_context.deadline), changed);
      if (m_settings.auth && m_ran) {
        const auto users = settle_acl(connection(m_context.deadline), Secret(acl_text()));
        if (!users.empty()) detail += "; put right: " + join(users, ", ");
        changed = changed || !users.empty();
      }
      return {changed || !m_ran ? Outcome::changed : Outcome::unchanged, detail};
    };
    return step;
  }

  RedisConnection& connection(TimePoint deadline) {
    if (m_connection && !m_instance.pid()) m_connection.reset();
    if (!m_connection) {
      RedisEndpoint endpoint;
      endpoint.port = m_port;
      endpoint.username = m_login.username;
      endpoint.password = m_login.password;
      m_connection = wait_for_pong(m_connector, endpoint, m_context.runner, deadline, [this](const std::string& text) {
        if (!m_instance.pid()) throw ended();
        m_context.reporter.step_progress("redis", text);
      });
    }
    return *m_connection;
  }

  /// It was started, and is not there any more: no waiting brings it back.
  Error ended() const {
    return Error(ExitCode::failure,
                 fmt::format("{} ended by itself: {}", m_server.program, printable(m_instance.last_words())),
                 "its log: " + m_instance.log().string());
  }

  Context& m_context;
  const RedisSettings& m_settings;
  const LocalServer& m_server;
  LocalInstance m_instance;
  LocalConnector m_connector;
  std::shared_ptr<HomeLock> m_port_lock;
  bool m_existed = false;
  bool m_ran = false;
  int m_port = 0;        ///< that applications are handed: of TLS when it is on
  int m_plain_port = 0;  ///< beside it, or 0
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

}  // namespace

SetupOutcome setup_redis_local(Context& context, const RedisSettings& given) {
  RedisSettings settings = given;
  const Told told(context);
  const auto take_record = [&] {
    context.settings = told.settings;
    context.preset = told.preset;
    const auto state = LocalInstance(context, settings.release).state();
    if (state) take_record_for_setup(context, state->spec, state->name_space);
    settings = redis_settings(context);
  };
  take_record();
  give_advice(context, settings);
  const LocalServer server = find_local_server(context);
  LocalSetup setup(context, settings, server);
  context.reporter.heading(fmt::format("This machine, {}", context.paths.shown(setup.instance().folder())));
  JournaledRun run(context,
                   {"setup redis", fmt::format("release {} on this machine", settings.release),
                    journal_key("", settings.name_space, settings.release), setup.instance().folder()},
                   undo_limit);
  if (context.guard.dry_run()) {
    if (const auto left = run.left()) context.reporter.note(describe_left(*left));
    say_what_is_kept(context, told);
    setup.look();
    setup.check_port();
    return {describe_plan(setup.plan()) + "\n# redis.conf\n" + setup.conf(), {}, false};
  }
  setup.set_run(run.id());
  setup.add_undos(run.undos(), [&run] { return run.undo_until(); });
  if (!context.settings.flag("discard-data")) {
    keep_left_data(run.undos(), setup.instance(), run.id(),
                   fmt::format("the data that the interrupted run left in {} is kept and used; to remove it: {}",
                               context.paths.shown(setup.instance().folder()),
                               context.scope().command("setup redis", "--discard-data")));
  }
  run.on_failure(
      [&](const Error&) -> std::string {
        const std::string words = setup.instance().last_words();
        if (!words.empty())
          context.reporter.note("the last lines of " + context.paths.shown(setup.instance().log()) + ":\n" + words);
        return "";
      },
      settings.keep_on_failure);
  Plan plan;
  const bool interrupted = run.open();
  run.before([&] {
    if (interrupted) {
      setup.look(false);  // what the undos work with
      run.recover();
      take_record();  // another one when a change was undone
    }
    setup.forget_previous_files();
    say_what_is_kept(context, told);
    setup.look();
    setup.check_port();
    setup.check_memory();
    plan = setup.plan();
    setup.agree();
  });
  const bool changed = run.execute(plan).changed;
  setup.forget_previous_files();
  setup.forget_previous_users();
  setup.forget_previous_certificates();
  setup.trim_streams();
  return {"", setup.written(), changed};
}

}  // namespace raibid
