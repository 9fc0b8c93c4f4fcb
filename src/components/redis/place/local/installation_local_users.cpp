// Who may log in to a Redis of this machine, and what of that setup writes.

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/place/local/connector.hpp"
#include "components/redis/place/local/installation_local.hpp"
#include "components/redis/run/credentials_run.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/server/connect.hpp"
#include "components/redis/server/node_users.hpp"
#include "components/redis/server/password.hpp"
#include "components/redis/server/rotation.hpp"
#include "sys/random.hpp"

namespace raibid {

void LocalInstallation::forget_previous_users() {
  if (!m_instance.content().contains(previous_users_key)) return;
  raibid::forget_previous_users(m_store);
}

Secret LocalInstallation::choose_password() {
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

Secret LocalInstallation::choose_admin_password() const {
  if (m_settings.user.name.empty()) return {};
  const Secret present = value_of(m_instance.content(), admin_password_key);
  return present.empty() ? generate_password(m_context.random) : present;
}

SecretContent LocalInstallation::with_wanted_user(const SecretContent& present) const {
  SecretContent wanted = with_application_user(present, m_settings.user, m_admin_password);
  return m_next_password.empty() ? wanted
                                 : with_second_password(std::move(wanted), m_next_password, m_context.clock.wall());
}

Login LocalInstallation::wanted_login() const {
  return m_settings.user.name.empty() ? Login(handed_out()) : Login(std::string(admin_user), m_admin_password);
}

bool LocalInstallation::changes_users() const {
  if (!m_settings.auth || !m_before || !m_before->auth || value_of(m_present, password_key).empty()) return false;
  const bool has_none = m_settings.user.name.empty() && application_login(m_present).username.empty();
  return !m_next_password.empty() || (!has_none && with_wanted_user(m_present) != m_present);
}

std::unique_ptr<RedisConnection> LocalInstallation::log_in(const Login& login, TimePoint deadline) {
  RedisEndpoint endpoint;
  endpoint.port = m_port;
  endpoint.username = login.username;
  endpoint.password = login.password;
  const Duration left = std::chrono::duration_cast<Duration>(deadline - m_context.runner.now());
  return connect_redis(m_connector, endpoint, std::clamp(left, Duration(100), reply_limit));
}

UserServers LocalInstallation::user_servers(const std::function<TimePoint()>& deadline) {
  if (several()) return UserServers([this, deadline] { return nodes().servers(deadline).running(); });
  return {[this, deadline](const Login& login) -> std::unique_ptr<RedisConnection> {
    m_connection.reset();
    if (!m_instance.pid()) return nullptr;  // it reads the files when it starts
    return log_in(login, deadline());
  }};
}

Step LocalInstallation::users_change_step() {
  const std::string before = shown_user(application_login(m_present));
  const std::string after = shown_user({m_settings.user.name, m_password});
  return users_step(
      m_store, user_servers([this] { return m_context.deadline; }),
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

SecretContent LocalInstallation::missing_passwords() const {
  SecretContent missing;
  if (m_instance.password().empty()) missing[password_key] = m_password;
  if (changes_users()) return missing;
  const SecretContent present = m_instance.content();
  SecretContent wanted = {{username_key, Secret(m_settings.user.name)}, {admin_password_key, m_admin_password}};
  if (several()) {
    SecretContent all = present;
    all[acl_key] = Secret(acl_text());
    all[password_key] = m_password;
    all[username_key] = Secret(m_settings.user.name);
    all[internal_password_key] = m_internal_password;
    all = with_node_files(std::move(all));
    for (const char* const key : {internal_password_key, replication_conf_key, sentinel_conf_key})
      wanted[key] = value_of(all, key);
  }
  for (const auto& [key, value] : wanted) {
    if (value_of(present, key) != value) missing[key] = value;
  }
  return missing;
}

Step LocalInstallation::password_step() {
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

std::string LocalInstallation::acl_text() const {
  const std::vector<std::string> hashes = password_hashes(m_present);
  const bool both =
      hashes.size() > 1 && std::find(hashes.begin(), hashes.end(), sha256_hex(m_password.reveal())) != hashes.end();
  const bool both_internal = several() && m_present.contains(internal_rotated_at_key);
  if (changes_users() || ((both || both_internal) && m_settings.auth))
    return value_of(m_instance.content(), acl_key).reveal();
  const std::string users = acl_file(m_password, Secret(), {}, application_user());
  if (!several() || !m_settings.auth) return users;
  return value_of(with_node_users({{acl_key, Secret(users)}}, m_internal_password), acl_key).reveal();
}

}  // namespace raibid
