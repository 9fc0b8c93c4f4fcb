#include "components/redis/place/local/installation_local.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/place/local/certificates_local.hpp"
#include "components/redis/place/local/instance.hpp"
#include "components/redis/place/local/restore_local.hpp"
#include "components/redis/run/credentials_run.hpp"
#include "components/redis/run/home_lock.hpp"
#include "components/redis/run/restart.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/server/connect.hpp"
#include "components/redis/server/password.hpp"
#include "components/redis/server/running_config.hpp"
#include "components/redis/server/safe_trim.hpp"
#include "components/redis/settings/change.hpp"
#include "sys/files.hpp"
#include "sys/listener.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

void LocalInstallation::look(bool certificates) {
  m_existed = m_instance.exists();
  m_ran = several() ? some_server_runs() : m_instance.pid().has_value();
  // until the server listens: two runs that choose at the same time would choose the same port
  if (!m_ran && !m_context.guard.dry_run() && !m_port_lock) m_port_lock = lock_home(m_context, "ports.lock");
  const auto state = m_instance.state();
  if (state) m_before = state->spec;
  choose_ports(state);
  choose_node_ports(state);
  m_nodes.reset();
  if (certificates) look_at_certificates(state);
  m_next_password = Secret();
  m_password = choose_password();
  m_present = m_before && m_before->auth ? m_instance.content() : SecretContent{};
  m_admin_password = choose_admin_password();
  m_internal_password = choose_internal_password();
  const bool known = m_settings.auth && !value_of(m_present, password_key).empty();
  m_login = known ? admin_login(m_present) : wanted_login();
  m_credentials = credentials();
}

void LocalInstallation::check_port() const {
  if (!m_instance.listens(m_port) && find_listener(m_port))
    throw m_instance.not_running(m_port).with_code(ExitCode::preflight);
  check_node_ports();
}

Plan LocalInstallation::plan() {
  const RedisSource redis = [this]() -> RedisConnection& { return connection(m_context.deadline); };
  Plan steps = {folder_step(), server_step(), redis_step()};
  if (several()) steps = {folder_step(), nodes_step(), address_step(), settings_step()};
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

void LocalInstallation::add_undos(UndoTable& table, const std::function<TimePoint()>& deadline) {
  add_common_undos(table, m_context, [this, deadline]() -> RedisConnection& { return connection(deadline()); });
  add_restore_undos(table, m_context, m_instance, deadline);
  add_users_undo(table, m_store, user_servers(deadline));
  if (several()) {
    table["redis.config_set"] = [this, deadline](const auto& arguments) {
      for (const auto& node : nodes().administer_all(deadline()))
        checked(*node, {"CONFIG", "SET", arguments.at("name"), arguments.at("value")});
    };
  }
  table["local.stop_process"] = [this, deadline](const auto& arguments) {
    stop_process(arguments.at("folder"), deadline());
  };
  add_certificates_undo(table, m_certificates, [this, deadline](const SecretContent& content) {
    const auto state = m_instance.state();
    if (!m_instance.pid() || !state) return;
    m_connection.reset();
    if (several()) return LocalNodes(m_context, m_instance, *state).reload_certificates(content, deadline());
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

void LocalInstallation::agree(const std::function<void(const std::vector<std::string>&)>& to_restart) {
  const bool restart = m_ran && needs_restart();
  if (to_restart) {
    to_restart(restart ? m_reasons : std::vector<std::string>());
    refuse_restart(m_reasons);
  } else if (restart) {
    refuse_restart(m_reasons);
    agree_to_restart(m_context, m_reasons);
  }
  const bool asks_for_more = m_settings.tls.client_certificates && m_before && !m_before->tls.client_certificates;
  if (asks_for_more && m_before->tls.enabled())
    agree_to_refused_clients(m_context, "clients that show no certificate of the CA");
  if (m_ran && m_work.other_ca) agree_to_refused_clients(m_context, "clients that trust the CA of before alone");
  const std::string before = application_login(m_present).username;
  if (changes_users() && before != m_settings.user.name)
    agree_to_other_user(m_context, shown_user(application_login(m_present)));
}

void LocalInstallation::check_memory() {
  if (!m_ran || !m_before || m_before->auth != m_settings.auth) return;
  const std::string dropped =
      about_less_memory(running(m_context.deadline), m_settings.directives, less_memory_hint(m_context));
  if (!dropped.empty()) m_context.reporter.warning(dropped);
}

void LocalInstallation::trim_streams() {
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

void LocalInstallation::forget_previous_files() {
  for (const fs::path& path : {m_instance.acl(), m_instance.conf(), m_instance.state_file(), m_instance.start_script(),
                               m_instance.proxy_conf()}) {
    const fs::path previous = path.string() + ".previous";
    if (fs::exists(previous)) m_context.files.remove_tree(previous);
  }
}

void LocalInstallation::choose_ports(const std::optional<LocalInstance::State>& state) {
  const bool migrates = state && state->plain_port != 0;
  const int usual = !state ? choose_port() : migrates ? state->plain_port : state->port;
  m_plain_port = m_settings.tls.migrate ? usual : 0;
  m_port = !m_settings.tls.migrate ? usual : migrates ? state->port : choose_port(tls_migration_port);
}

void LocalInstallation::look_at_certificates(const std::optional<LocalInstance::State>& state) {
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

void LocalInstallation::reload(const SecretContent& content) {
  if (!m_ran || needs_restart()) return;
  if (several()) return nodes().reload_certificates(content, m_context.deadline);
  reload_local_certificates(m_context, m_instance, connection(m_context.deadline), m_port, content);
}

Step LocalInstallation::certificate_step() {
  const std::string by_hand = m_context.scope().command("setup redis");
  const auto reload_it = [this](const SecretContent& content) { reload(content); };
  if (m_work.changes)
    return certificates_step(
        m_certificates, reload_it, [this](const SecretContent&) { return m_work.wanted; }, m_work.why, m_run, by_hand);
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

Credentials LocalInstallation::credentials() const {
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

Step LocalInstallation::folder_step() {
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
    if (several()) {
      for (int node = 0; node <= m_settings.replicas; ++node)
        m_context.files.make_private_directory(m_instance.node(node) / "data");
      m_context.files.make_private_directory(m_instance.proxy());
    } else {
      m_context.files.make_private_directory(m_instance.data());
    }
    return {there ? Outcome::unchanged : Outcome::changed, shown};
  };
  return step;
}

}  // namespace raibid
