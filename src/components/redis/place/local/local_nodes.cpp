#include "components/redis/place/local/local_nodes.hpp"

#include <string.h>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/server/certificates.hpp"
#include "components/redis/server/connect.hpp"
#include "components/redis/server/node_users.hpp"
#include "sys/files.hpp"

namespace raibid {

namespace {

constexpr Duration between_looks_at_nodes = std::chrono::milliseconds(100);
constexpr Duration one_look_at_nodes = std::chrono::seconds(5);
constexpr Duration process_poll = std::chrono::milliseconds(20);

std::string version_of_proxy(const std::string& text) {  // "HAProxy version 2.6.12-1+deb12u1 2023/12/16 - …"
  const std::size_t at = text.find("version ");
  if (at == std::string::npos) return "";
  const std::string rest = text.substr(at + 8);
  return rest.substr(0, rest.find_first_of(" \n"));
}

/// Of "[NOTICE] … [ALERT]    (4711) : Starting frontend redis: cannot bind socket …": the first that stopped it.
std::string first_alert(const std::string& text) {
  const std::vector<std::string> lines = split(text, '\n');
  for (const std::string& line : lines) {
    const std::size_t colon = line.find(" : ");
    if (line.starts_with("[ALERT]") && colon != std::string::npos) return printable(line.substr(colon + 3));
  }
  return printable(trim(text));
}

}  // namespace

std::string node_name(const std::string& release, int ordinal) { return fmt::format("{}-{}", release, ordinal); }

LocalProxy find_local_proxy(Context& context) {
  for (const char* const program : {"haproxy", "/usr/sbin/haproxy"}) {
    Output output;
    try {
      output = run(context.runner, reading({{program, "-v"}, "", {}}), context.deadline);
    } catch (const Error&) {
      continue;  // it is not there
    }
    if (output.ok()) return {program, version_of_proxy(output.out)};
  }
  throw Error(ExitCode::preflight, "--ha on this machine needs haproxy, which is not installed",
              "install it: sudo apt-get install haproxy");
}

LocalNodes open_local_nodes(Context& context, const RedisSettings& settings) {
  find_local(context, settings);
  LocalInstance instance(context, settings.release);
  LocalInstance::State state = *instance.state();
  if (!state.spec.ha())
    throw Error(ExitCode::preflight,
                fmt::format("release {} has one node: there is nobody to hand over to", settings.release),
                "only a Redis that was set up with --ha has replicas");
  return {context, std::move(instance), std::move(state)};
}

LocalProcess LocalNodes::process(LocalProcess::Kind kind, int ordinal) const {
  for (LocalProcess& one : m_instance.processes()) {
    if (one.kind == kind && one.ordinal == ordinal) return std::move(one);
  }
  throw Error(ExitCode::failure, fmt::format("node {} of {} has no folder", ordinal, m_instance.release()),
              "make it again: " + m_context.scope().command("setup redis"));
}

std::unique_ptr<RedisConnection> LocalNodes::log_in(const LocalProcess& process, const Login& login, TimePoint until) {
  if (!process.pid()) throw Error(ExitCode::failure, process.name() + " does not run");
  RedisEndpoint endpoint;
  endpoint.host = (process.folder / LocalInstance::socket_name).string();
  endpoint.port = 0;
  endpoint.username = login.username;
  endpoint.password = login.password;
  const Duration left = std::chrono::duration_cast<Duration>(until - m_context.runner.now());
  return connect_redis(m_context.redis, endpoint, std::clamp(left, Duration(100), reply_limit));
}

std::unique_ptr<RedisConnection> LocalNodes::node(int ordinal, TimePoint until) {
  return log_in(process(LocalProcess::Kind::server, ordinal), admin_login(m_instance.content_of(m_state)), until);
}

std::unique_ptr<RedisConnection> LocalNodes::sentinel(int ordinal, TimePoint until) {
  return log_in(process(LocalProcess::Kind::sentinel, ordinal), sentinel_login(m_instance.content_of(m_state)), until);
}

std::vector<std::unique_ptr<RedisConnection>> LocalNodes::administer_all(TimePoint until) {
  std::vector<std::unique_ptr<RedisConnection>> all;
  for (const LocalProcess& one : m_instance.processes()) {
    if (one.kind == LocalProcess::Kind::server && one.pid())
      all.push_back(log_in(one, admin_login(m_instance.content_of(m_state)), until));
  }
  return all;
}

UserServers LocalNodes::servers(std::function<TimePoint()> deadline) {
  return UserServers([this, deadline = std::move(deadline)] {
    std::vector<UserServer> all;
    for (const LocalProcess& one : m_instance.processes()) {
      if (one.kind == LocalProcess::Kind::proxy || !one.pid()) continue;
      const bool sentinel = one.kind == LocalProcess::Kind::sentinel;
      all.push_back({sentinel ? UserServer::Kind::sentinel : UserServer::Kind::node,
                     [this, one, deadline](const Login& login) -> std::unique_ptr<RedisConnection> {
                       if (!one.pid()) return nullptr;  // it reads the files when it starts
                       return log_in(one, login, deadline());
                     }});
    }
    return all;
  });
}

ProxySeen LocalNodes::look_at_proxy(TimePoint until) {
  ProxySeen seen{"haproxy"};
  try {
    const Login login = admin_login(m_instance.content_of(m_state));
    const Duration left = std::chrono::duration_cast<Duration>(until - m_context.runner.now());
    const auto redis = connect_redis(m_connector, {"127.0.0.1", m_state.port, login.username, login.password},
                                     std::clamp(left, Duration(100), reply_limit));
    seen.run_id = parse_info(checked(*redis, {"INFO", "server"}).text)["run_id"];
  } catch (const Error& error) {
    seen.why = error.message();
  }
  return seen;
}

Topology LocalNodes::look(TimePoint until) {
  Topology topology;
  topology.proxies = {look_at_proxy(until)};
  for (int ordinal = 0; ordinal < count(); ++ordinal) {
    ServerNode one{.name = node_name(m_instance.release(), ordinal),
                   .where = fmt::format("{}:{}", node_address(ordinal), m_state.node_port)};
    ask(ordinal, until, one);
    topology.nodes.push_back(std::move(one));
  }
  return topology;
}

void LocalNodes::start(const std::vector<LocalProcess>& stopped, TimePoint deadline) {
  std::vector<Command> commands;
  for (const LocalProcess& one : stopped) {
    Command command{{"sh", m_instance.start_script().string()}, "", {{"NODE", std::to_string(one.ordinal)}}};
    if (one.kind == LocalProcess::Kind::sentinel) {
      command.argv.insert(command.argv.end(), {"sentinel", "once"});
    } else {
      command.argv.emplace_back("server");
    }
    commands.push_back(std::move(command));
  }
  const std::vector<Output> outputs = run_all(m_context.runner, commands, deadline);
  for (std::size_t at = 0; at < outputs.size(); ++at) {
    if (outputs[at].ok()) continue;
    const std::string words(trim(outputs[at].err + outputs[at].out));
    throw Error(ExitCode::failure,
                fmt::format("{} does not start: {}", stopped[at].name(),
                            printable(outputs[at].timed_out ? "it took too long" : words)),
                "its log: " + stopped[at].log.string());
  }
}

void LocalNodes::start(TimePoint deadline) {
  for (const LocalProcess::Kind kind : {LocalProcess::Kind::sentinel, LocalProcess::Kind::server}) {
    std::vector<LocalProcess> stopped;
    for (LocalProcess& one : m_instance.processes()) {
      if (one.kind == kind && !one.pid()) stopped.push_back(std::move(one));
    }
    start(stopped, deadline);
  }
}

void LocalNodes::check_that_all_run() const {
  for (const LocalProcess& one : m_instance.processes()) {
    if (one.kind == LocalProcess::Kind::proxy || one.pid()) continue;
    const std::vector<std::string> lines = split(m_instance.last_words(one.log), '\n');
    throw Error(ExitCode::failure, fmt::format("{} ended by itself: {}", one.name(), printable(lines.back())),
                "its log: " + one.log.string());
  }
}

void LocalNodes::wait_until_in_sync(TimePoint deadline, const std::function<void(const std::string&)>& progress) {
  for (;;) {
    const Topology topology = look(std::min(deadline, m_context.runner.now() + one_look_at_nodes));
    const std::string trouble = trouble_of_servers(topology);
    if (trouble.empty()) return;
    check_that_all_run();
    if (m_context.runner.now() >= deadline)
      throw Error(ExitCode::failure, "the nodes are not in sync in time: " + trouble,
                  "see: " + m_context.scope().command("status"));
    progress(trouble);
    m_context.runner.wait({}, m_context.runner.now() + between_looks_at_nodes);
  }
}

bool LocalNodes::write_client_certificate(const SecretContent& content) const {
  if (!m_state.spec.tls.client_certificates) return false;
  std::string both = value_of(content, tls_certificate_key).reveal() + value_of(content, tls_private_key_key).reveal();
  const std::filesystem::path file = m_instance.proxy() / client_certificate;
  const bool same = read_own_file(file) == both;
  if (!same) m_context.files.write_own_file(file, both);
  explicit_bzero(both.data(), both.size());
  return !same;
}

void LocalNodes::reload_certificates(const SecretContent& content, TimePoint deadline) {
  for (const auto& redis : administer_all(deadline)) raibid::reload_certificates(*redis);
  for (const LocalProcess& one : m_instance.processes()) {
    if (one.kind != LocalProcess::Kind::sentinel || !one.pid()) continue;
    m_instance.stop(one, m_context.runner, deadline);
    start({one}, deadline);
    wait_until_in_sync(deadline, [](const std::string&) {});  // before the next one: two of three always see each other
  }
  const LocalProcess proxy = process(LocalProcess::Kind::proxy, 0);
  if (!write_client_certificate(content) || !proxy.pid()) return;
  m_instance.stop(proxy, m_context.runner, deadline);
  start_proxy(find_local_proxy(m_context).program, deadline, [](const std::string&) {});
}

void LocalNodes::start_proxy(const std::string& program, TimePoint deadline,
                             const std::function<void(const std::string&)>& progress) {
  const LocalProcess proxy = process(LocalProcess::Kind::proxy, 0);
  if (!proxy.pid()) {
    const Output output = run(
        m_context.runner,
        {{program, "-D", "-C", m_instance.proxy().string(), "-f", m_instance.proxy_conf().string()}, "", {}}, deadline);
    if (!output.ok())
      throw Error(ExitCode::failure, "haproxy does not start: " + first_alert(output.err),
                  "its configuration: " + m_instance.proxy_conf().string());
  }
  for (;;) {
    const Topology topology = look(std::min(deadline, m_context.runner.now() + one_look_at_nodes));
    const std::string trouble = trouble_of_proxies(topology);
    if (trouble.empty() && topology.master() != nullptr) return;
    if (!proxy.pid() || m_context.runner.now() >= deadline)
      throw Error(ExitCode::failure, "the address does not lead to the master: " + trouble,
                  "see: " + m_context.scope().command("status"));
    progress(trouble);
    m_context.runner.wait({}, m_context.runner.now() + process_poll);
  }
}

}  // namespace raibid
