// Several nodes on this machine: their files, their start, the proxy before them, and what each is told while it runs.
#include <algorithm>

#include <fmt/format.h>

#include "assets/assets.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/place/local/installation_local.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/server/node_users.hpp"
#include "components/redis/server/running_acl.hpp"
#include "components/redis/server/running_config.hpp"
#include "components/redis/settings/redis_conf.hpp"
#include "sys/files.hpp"
#include "sys/random.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

constexpr int first_node_port = 6380;
constexpr int first_sentinel_port = 26379;
constexpr const char* usual_priority = "100";

/// For what the nodes would have to change all at once.
std::string way_by_teardown(const Context& context) {
  return fmt::format("a teardown keeps the data: {}; then the same setup again",
                     context.scope().command("teardown redis", "--yes"));
}

std::string way_by_backup(const Context& context, int replicas) {
  const std::string nodes = replicas == 0 ? "--ha=false" : fmt::format("--ha --replicas {}", replicas);
  return fmt::format("the way is a backup: {}; then {}; then {}; then {}", context.scope().command("backup redis", "."),
                     context.scope().command("teardown redis", "--delete-data --yes"),
                     context.scope().command("setup redis", nodes),
                     context.scope().command("restore redis", ". --yes"));
}

std::string nodes_in_words(int nodes) { return nodes == 1 ? "one node" : fmt::format("{} nodes", nodes); }

}  // namespace

void LocalInstallation::check_nodes() const {
  if (!m_instance.has_data() && !m_before) return;
  const std::vector<LocalProcess> processes = m_instance.processes();
  const auto servers = std::count_if(processes.begin(), processes.end(),
                                     [](const LocalProcess& one) { return one.kind == LocalProcess::Kind::server; });
  const int present = m_before ? m_before->nodes() : static_cast<int>(servers);
  const int wanted = m_settings.replicas + 1;
  if (present == wanted) return;
  throw Error(ExitCode::preflight,
              fmt::format("release {} has {} on this machine, and setup does not make {} of it", m_settings.release,
                          nodes_in_words(present), nodes_in_words(wanted)),
              way_by_backup(m_context, m_settings.replicas));
}

void LocalInstallation::choose_node_ports(const std::optional<LocalInstance::State>& state) {
  if (!several()) return;
  const int nodes = m_settings.replicas + 1;
  m_node_port = state && state->node_port != 0 ? state->node_port : choose_node_port(nodes, first_node_port);
  m_sentinel_port =
      state && state->sentinel_port != 0 ? state->sentinel_port : choose_node_port(nodes, first_sentinel_port);
}

void LocalInstallation::check_node_ports() const {
  if (!several()) return;
  for (const LocalProcess& process : m_instance.processes()) {
    if (process.kind == LocalProcess::Kind::proxy || process.pid()) continue;
    const bool server = process.kind == LocalProcess::Kind::server;
    const int port = server ? m_node_port : m_sentinel_port;
    if (is_free_port(process.ordinal, port)) continue;
    throw Error(ExitCode::preflight,
                fmt::format("{} does not run, and another process has its port: {}:{}", process.name(),
                            node_address(process.ordinal), port),
                m_instance.state() && !m_ran
                    ? fmt::format("end that process, or choose another port: change \"{}\" in {}",
                                  server ? "node_port" : "sentinel_port", m_instance.state_file().string())
                    : "end that process, then: " + m_context.scope().command("setup redis"));
  }
}

bool LocalInstallation::some_server_runs() const {
  const std::vector<LocalProcess> processes = m_instance.processes();
  return std::any_of(processes.begin(), processes.end(),
                     [](const LocalProcess& one) { return one.kind == LocalProcess::Kind::server && one.pid(); });
}

LocalNodes& LocalInstallation::nodes() {
  if (!m_nodes) {
    Spec spec = spec_of(m_settings);
    m_nodes.emplace(
        m_context, m_instance,
        LocalInstance::State{m_port, 0, m_settings.name_space, std::move(spec), m_node_port, m_sentinel_port});
  }
  return *m_nodes;
}

RedisConnection& LocalInstallation::running(TimePoint deadline) {
  if (!several()) return connection(deadline);
  m_one_node.clear();
  m_one_node = nodes().administer_all(deadline);
  if (m_one_node.empty()) throw Error(ExitCode::failure, "no node of this Redis runs");
  return *m_one_node.front();
}

void LocalInstallation::refuse_restart(const std::vector<std::string>& reasons) const {
  if (!several() || reasons.empty()) return;
  throw Error(ExitCode::preflight,
              fmt::format("this change restarts Redis ({}), and setup does not restart several nodes on this machine",
                          join(reasons, ", ")),
              way_by_teardown(m_context));
}

Directives LocalInstallation::node_directives() const {
  Directives all = parse_redis_conf(asset("charts/redis/files/nodes.conf"));
  all.emplace_back("replica-priority", usual_priority);  // a handover that was killed leaves another one
  const Directives asked = live_directives();
  std::erase_if(all, [&](const auto& line) {
    return std::any_of(asked.begin(), asked.end(), [&](const auto& one) { return one.first == line.first; });
  });
  all.insert(all.end(), asked.begin(), asked.end());
  return all;
}

Secret LocalInstallation::choose_internal_password() const {
  if (!several() || !m_settings.auth) return {};
  const Secret present = value_of(m_instance.content(), internal_password_key);
  return present.empty() ? generate_password(m_context.random) : present;
}

Undo LocalInstallation::undo_start(const LocalProcess& process) const {
  return {"local.stop_process",
          {{"folder", process.folder}},
          fmt::format("end {}: the process that works in {}", process.name(), shell_quote(process.folder.string()))};
}

void LocalInstallation::stop_process(const fs::path& folder, TimePoint deadline) {
  m_connection.reset();
  m_one_node.clear();
  for (const LocalProcess& process : m_instance.processes()) {
    if (process.folder == folder) m_instance.stop(process, m_context.runner, deadline);
  }
}

Step LocalInstallation::nodes_step() {
  Step step;
  step.name = "nodes";
  step.intent = fmt::format("run {} {} with a sentinel each, at 127.0.0.1 to {}, ports {} and {}",
                            nodes_in_words(m_settings.replicas + 1), m_server.version,
                            node_address(m_settings.replicas), m_node_port, m_sentinel_port);
  step.undo = [this] {
    std::vector<Undo> undos = undo_files();
    const std::vector<LocalProcess> all = m_instance.processes();
    // those that are undone first come last: the sentinels before the servers
    for (auto one = all.rbegin(); one != all.rend(); ++one) {
      if (one->kind != LocalProcess::Kind::proxy && !one->pid()) undos.push_back(undo_start(*one));
    }
    return undos;
  };
  step.act = [this]() -> StepResult {
    const bool changed = write_files();
    const std::vector<LocalProcess> all = m_instance.processes();
    const bool starts = std::any_of(all.begin(), all.end(), [](const LocalProcess& one) {
      return one.kind != LocalProcess::Kind::proxy && !one.pid();
    });
    say_what_changes(false);
    nodes().start(m_context.deadline);
    nodes().wait_until_in_sync(m_context.deadline,
                               [this](const std::string& text) { m_context.reporter.step_progress("nodes", text); });
    const Topology topology = nodes().look(m_context.deadline);
    return {changed || starts ? Outcome::changed : Outcome::unchanged,
            fmt::format("{} · sentinels {}", describe_nodes(topology), describe_sentinels(topology))};
  };
  return step;
}

Step LocalInstallation::address_step() {
  Step step;
  step.name = "address";
  step.intent = fmt::format("lead 127.0.0.1:{} to the master: {} {}", m_port, m_proxy.program, m_proxy.version);
  step.undo = [this]() -> std::vector<Undo> {
    const LocalProcess proxy = m_instance.processes().front();
    if (proxy.pid()) return {};
    return {undo_start(proxy)};
  };
  step.act = [this]() -> StepResult {
    const std::shared_ptr<HomeLock> held = std::move(m_port_lock);
    const bool ran = m_instance.pid().has_value();
    m_restarts_proxy = nodes().write_client_certificate(m_work.wanted) || m_restarts_proxy;
    if (ran && m_restarts_proxy) {
      m_connection.reset();
      m_instance.stop(m_instance.processes().front(), m_context.runner, m_context.deadline);
    }
    nodes().start_proxy(m_proxy.program, m_context.deadline,
                        [this](const std::string& text) { m_context.reporter.step_progress("address", text); });
    return {ran && !m_restarts_proxy ? Outcome::unchanged : Outcome::changed,
            fmt::format("127.0.0.1:{} leads to the master", m_port)};
  };
  return step;
}

Step LocalInstallation::settings_step() {
  Step step;
  step.name = "redis";
  step.intent = "compare the settings of each node with what was asked";
  step.undo = [this] {
    return m_ran ? undo_settling(node_directives(), running(m_context.deadline)) : std::vector<Undo>{};
  };
  step.act = [this]() -> StepResult {
    bool changed = false;
    std::vector<std::string> put_right;
    for (const auto& node : nodes().administer_all(m_context.deadline)) {
      settle_config(node_directives(), *node, changed);
      if (!m_settings.auth || !m_ran) continue;
      for (const std::string& user : settle_acl(*node, Secret(acl_text()))) {
        if (std::find(put_right.begin(), put_right.end(), user) == put_right.end()) put_right.push_back(user);
      }
    }
    bool none = false;
    std::string detail = settle_config(live_directives(), connection(m_context.deadline), none);
    if (!put_right.empty()) detail += "; put right: " + join(put_right, ", ");
    return {changed || !put_right.empty() || !m_ran ? Outcome::changed : Outcome::unchanged, detail};
  };
  return step;
}

}  // namespace raibid
