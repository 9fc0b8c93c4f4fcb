// The server of this machine: its files, its start and restart, and what it is told while it runs.
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/strings.hpp"
#include "components/redis/place/local/connector.hpp"
#include "components/redis/place/local/installation_local.hpp"
#include "components/redis/run/home_lock.hpp"
#include "components/redis/run/record_change.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/server/connect.hpp"
#include "components/redis/server/running_acl.hpp"
#include "components/redis/server/running_config.hpp"
#include "components/redis/settings/change.hpp"
#include "components/redis/settings/redis_conf.hpp"
#include "config/redis_directives.hpp"
#include "sys/files.hpp"
#include "ui/reporter.hpp"

namespace raibid {

Directives LocalInstallation::live_directives() const {
  Directives directives = m_settings.directives;
  for (auto& line : tls_directives(m_settings.tls)) directives.push_back(std::move(line));
  return directives;
}

std::vector<std::pair<fs::path, std::string>> LocalInstallation::files() const {
  const Spec spec = spec_of(m_settings);
  nlohmann::ordered_json state = {
      {"port", m_port}, {"namespace", m_settings.name_space}, {"spec", nlohmann::ordered_json::parse(to_json(spec))}};
  if (m_plain_port != 0) state["plain_port"] = m_plain_port;
  if (several()) {
    state["node_port"] = m_node_port;
    state["sentinel_port"] = m_sentinel_port;
  }
  std::vector<std::pair<fs::path, std::string>> all = {{m_instance.acl(), acl_text()},
                                                       {m_instance.conf(), conf()},
                                                       {m_instance.state_file(), json_text(state, 2) + "\n"}};
  if (several()) {
    all.emplace_back(m_instance.start_script(), start_script(m_instance, m_node_port, m_sentinel_port, m_settings));
    all.emplace_back(m_instance.proxy_conf(), proxy_conf(m_port, m_node_port, m_settings));
  }
  return all;
}

std::vector<std::pair<fs::path, std::string>> LocalInstallation::changed_files() const {
  auto changed = files();
  std::erase_if(changed, [](const auto& file) { return read_file(file.first) == file.second; });
  return changed;
}

SetupDiff LocalInstallation::diff() const {
  SetupDiff diff;
  for (const auto& [path, content] : changed_files()) {
    if (path == m_instance.state_file() && m_before) {
      if (auto change = record_change(*m_before, spec_of(m_settings))) diff.objects.push_back(std::move(*change));
      continue;
    }
    const std::optional<std::string> present = read_file(path);
    ObjectChange change{present ? ObjectChange::What::changed : ObjectChange::What::created, "File",
                        m_context.paths.shown(path)};
    if (present && path == m_instance.acl()) {
      change.values.push_back({"users", "***", "*** (changed)"});
    } else if (present) {
      change.lines = line_changes(*present, content);
    }
    diff.objects.push_back(std::move(change));
  }
  if (m_settings.tls.enabled() && m_work.changes) {
    const bool there = fs::exists(m_instance.tls());
    ObjectChange change{there ? ObjectChange::What::changed : ObjectChange::What::created, "Folder",
                        m_context.paths.shown(m_instance.tls())};
    if (there) change.values.push_back({"certificate", "***", "*** (changed)"});
    diff.objects.push_back(std::move(change));
  }
  return diff;
}

Step LocalInstallation::server_step() {
  Step step;
  step.name = "server";
  step.intent = fmt::format("run {} {} at 127.0.0.1:{}", m_server.program, m_server.version, m_port);
  step.undo = [this] { return server_undos(); };
  step.act = [this]() -> StepResult {
    const std::shared_ptr<HomeLock> held = std::move(m_port_lock);
    const bool changed = write_files();
    const bool restart = m_ran && needs_restart();
    say_what_changes(restart);
    if (restart) {
      m_connection.reset();  // it leads to the server that goes
      m_instance.stop(m_context.runner, m_context.deadline);
    }
    if (restart || !m_ran) m_instance.start(m_context.runner, m_server.program, m_port, m_context.deadline);
    const std::string detail = fmt::format("{} {} at 127.0.0.1:{}{}", m_server.program, m_server.version, m_port,
                                           restart ? ", restarted" : "");
    return {changed || !m_ran ? Outcome::changed : Outcome::unchanged, detail};
  };
  return step;
}

bool LocalInstallation::write_files() {
  const auto changed = changed_files();
  for (const auto& [path, content] : changed) {
    if (const auto present = read_file(path)) m_context.files.write_atomic(path.string() + ".previous", *present);
    m_context.files.write_atomic(path, content);
    m_restarts_proxy = m_restarts_proxy || path == m_instance.proxy_conf();
  }
  return !changed.empty();
}

void LocalInstallation::say_what_changes(bool restart) {
  if (restart) m_context.reporter.note("this change restarts Redis: " + join(m_reasons, ", "));
  if (restart || !m_ran || !m_before) return;
  const auto dropped = dropped_directives(*m_before, spec_of(m_settings));
  if (!dropped.empty())
    m_context.reporter.note("no longer configured, but kept by Redis until its next start: " + join(dropped, ", "));
}

std::vector<Undo> LocalInstallation::server_undos() {
  std::vector<Undo> undos;
  const auto changed = changed_files();
  const std::string kill = fmt::format("kill $(cat {})", shell_quote((m_instance.folder() / "redis.pid").string()));
  // newest first: a server that ran is started again after its files are back, one that did not is stopped before
  // they go
  if (m_ran && !changed.empty() && needs_restart()) {
    undos.push_back({"local.restart", {}, kill + " && redis-server " + shell_quote(m_instance.conf().string())});
  }
  const auto files = undo_files();
  undos.insert(undos.end(), files.begin(), files.end());
  if (!m_ran) undos.push_back({"local.stop", {}, kill});
  return undos;
}

std::vector<Undo> LocalInstallation::undo_files() const {
  std::vector<Undo> undos;
  for (const auto& [path, content] : changed_files()) {
    if (fs::exists(path)) {
      undos.push_back({"file.restore",
                       {{"path", path}},
                       shell_join(std::vector<std::string>{"mv", path.string() + ".previous", path})});
    } else {
      undos.push_back({"file.remove", {{"path", path}}, "rm -f " + shell_quote(path.string())});
    }
  }
  return undos;
}

std::optional<std::string> LocalInstallation::tls_reason() const {
  if (!m_before) return std::nullopt;
  const TlsChoice& before = m_before->tls;
  const TlsChoice& after = m_settings.tls;
  const auto ports = [](const TlsChoice& tls) {
    return !tls.enabled() ? "off" : tls.migrate ? "on beside the plain port" : "on";
  };
  if (std::string_view(ports(before)) == ports(after)) return std::nullopt;
  const bool moves = before.enabled() && after.enabled();  // to the other port
  const bool refuses_plain = after.enabled() && !after.migrate;
  return fmt::format("TLS {} → {}{}", ports(before), ports(after),
                     moves              ? fmt::format(" (TLS moves to port {}{})", m_port,
                                         refuses_plain ? ", and clients that do not speak TLS are refused" : "")
                     : refuses_plain    ? " (clients that do not speak TLS are refused from then on)"
                     : !after.enabled() ? " (clients that speak TLS are refused from then on)"
                                        : "");
}

std::vector<std::string> LocalInstallation::reasons_of_settings() {
  // users are read at the start, and this run's password does not open what runs now
  if (m_before && m_before->auth != m_settings.auth)
    return {m_settings.auth ? "password off → on" : "password on → off"};
  const auto reason = tls_reason();
  return reason ? std::vector<std::string>{*reason} : std::vector<std::string>{};
}

std::vector<std::string> LocalInstallation::restarts() {
  if (!m_ran) return {};
  std::vector<std::string> reasons = reasons_of_settings();
  if (!reasons.empty()) return reasons;
  for (const Difference& difference : config_differences(running(m_context.deadline), live_directives())) {
    if (raibid::needs_restart(difference.name))
      reasons.push_back(fmt::format("{} {} → {}", difference.name, difference.running, difference.wanted));
  }
  return reasons;
}

bool LocalInstallation::needs_restart() {
  if (m_restart) return *m_restart;
  m_reasons = reasons_of_settings();
  m_restart = !m_reasons.empty();
  if (*m_restart) return true;
  RedisConnection& redis = running(m_context.deadline);
  for (const Difference& difference : config_differences(redis, live_directives())) {
    // setting it to what it is tells whether it can be set at all
    if (!redis.command({"CONFIG", "SET", difference.name, difference.running}).is_error()) continue;
    m_restart = true;
    m_reasons.push_back(fmt::format("{} {} → {}", difference.name, difference.running, difference.wanted));
  }
  return *m_restart;
}

Step LocalInstallation::redis_step() {
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

RedisConnection& LocalInstallation::connection(TimePoint deadline) {
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

Error LocalInstallation::ended() const {
  return Error(ExitCode::failure,
               fmt::format("{} ended by itself: {}", m_server.program, printable(m_instance.last_words())),
               "its log: " + m_instance.log().string());
}

}  // namespace raibid
