#include "components/redis/commands/export/compose.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "assets/assets.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/redis/commands/export/manifests.hpp"
#include "components/redis/server/password.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/redis_conf.hpp"
#include "config/yaml.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;

constexpr std::int64_t mebibyte = 1024 * 1024;
constexpr std::int64_t usual_user = 999;
/// Stands for the password while templates are filled in; no character of it is changed by a URL.
constexpr const char* password_mark = "raibid0password0of0compose";

/// compose takes $ for the beginning of a variable.
std::string without_variables(const std::string& text) {
  std::string out;
  for (const char c : text) out.append(c == '$' ? 2 : 1, c);
  return out;
}

std::string service_name(const Preset& preset) {
  if (preset.services.empty()) return "redis";
  const std::string& first = preset.services.front();
  return first.substr(first.find('/') == std::string::npos ? 0 : first.find('/') + 1);
}

std::string image(const RedisSettings& settings) {
  const auto text = [](const ImageReference& reference) {
    const std::string name = fmt::format("{}/{}", reference.registry, reference.repository);
    if (!reference.digest.empty()) return fmt::format("{}@{}", name, reference.digest);
    return reference.tag.empty() ? name : fmt::format("{}:{}", name, reference.tag);
  };
  if (settings.image) return text(*settings.image);
  const ordered_json own = parse_yaml(asset("charts/redis/values.yaml"), "values.yaml").at("image");
  return text({own.at("registry"), own.at("repository"), own.at("tag"), ""});
}

std::string configuration(const RedisSettings& settings) {
  std::string text =
      fmt::format("bind * -::*\nport {}\nprotected-mode {}\ndir /data\n", redis_port, settings.auth ? "yes" : "no");
  if (settings.auth) text += "aclfile /run/redis/users.acl\n";
  return text + redis_conf(settings.directives);
}

/// Stand for the passwords' hashes in the text of the ACL file.
constexpr const char* hash_mark = "HASH-OF-PASSWORD";
constexpr const char* admin_hash_mark = "HASH-OF-ADMIN";

// The hashes of the passwords go into an ACL file in memory, with the same users as setup makes; printf is the shell's
// own, so no process shows a password.
std::string start_script(const UserSpec& user) {
  std::string users = shell_quote(
      lines_of_users(user, std::string("#") + hash_mark, std::string("#") + admin_hash_mark) + health_user_line);
  const auto put = [&users](const std::string& mark, const std::string& variable) {
    for (std::size_t at = users.find(mark); at != std::string::npos; at = users.find(mark))
      users.replace(at, mark.size(), fmt::format("'\"${}\"'", variable));
  };
  put(hash_mark, "password");
  put(admin_hash_mark, "admin");
  const std::string admin = user.name.empty() ? "" : "admin=$(hash redis-admin-password)\n";
  return "umask 077\n"
         "hash() {\n"
         "  [ -s \"/run/secrets/$1\" ] || { echo \"the secret $1 is empty\" >&2; return 1; }\n"
         "  printf %s \"$(cat \"/run/secrets/$1\")\" | sha256sum | cut -d ' ' -f 1\n"
         "}\n"
         "password=$(hash redis-password)\n" +
         admin + "printf %s " + users +
         " > /run/redis/users.acl\n"
         "exec redis-server /etc/redis/redis.conf\n";
}

ordered_json limits(const RedisSettings& settings) {
  ordered_json resources = ordered_json::object();
  const auto memory = [&](const char* kind, const std::string& quantity) {
    if (!quantity.empty())
      resources[kind]["memory"] =
          fmt::format("{}m", std::max<std::int64_t>(1, parse_bytes(quantity, "memory") / mebibyte));
  };
  const auto cpu = [&](const char* kind, const std::string& quantity) {
    if (!quantity.empty())
      resources[kind]["cpus"] = fmt::format("{:g}", static_cast<double>(parse_millicores(quantity, "cpu")) / 1000);
  };
  cpu("limits", settings.cpu_limit);
  memory("limits", settings.memory_limit);
  cpu("reservations", settings.cpu_request);
  memory("reservations", settings.memory_request);
  return resources;
}

// The user health needs no password and may do nothing but PING. redis-cli's exit code is 0 on an error reply, too.
ordered_json health_check(bool auth) {
  const char* const login = auth ? "'AUTH health -' " : "";
  const std::string test = fmt::format("printf '%s\\n' {}PING | redis-cli | grep -qx PONG", login);
  return {{"test", {"CMD-SHELL", test}}, {"interval", "10s"},     {"timeout", "5s"}, {"retries", 3},
          {"start_period", "30s"},       {"start_interval", "1s"}};
}

ordered_json redis_service(const RedisSettings& settings) {
  const std::int64_t user = settings.security_context.run_as_user.value_or(usual_user);
  ordered_json service = {{"image", image(settings)}, {"restart", "unless-stopped"}, {"user", std::to_string(user)}};
  if (settings.auth) {
    service["command"] = {"sh", "-ec", without_variables(start_script(settings.user))};
    service["secrets"] = {"redis-password"};
    if (!settings.user.name.empty()) service["secrets"].push_back("redis-admin-password");
    service["tmpfs"] = {fmt::format("/run/redis:uid={},mode=0700", user)};
  } else {
    service["command"] = {"redis-server", "/etc/redis/redis.conf"};
  }
  service["configs"] = ordered_json::array({{{"source", "redis-conf"}, {"target", "/etc/redis/redis.conf"}}});
  service["ports"] = {fmt::format("127.0.0.1:{0}:{0}", redis_port)};
  if (settings.persistence) service["volumes"] = {"redis-data:/data"};
  service["healthcheck"] = health_check(settings.auth);
  service["deploy"] = {{"resources", limits(settings)}};
  service["cap_drop"] = {"ALL"};
  service["security_opt"] = {"no-new-privileges:true"};
  service["stop_grace_period"] = "60s";
  return service;
}

ordered_json environment(const Preset& preset, const RedisSettings& settings) {
  InstalledRedis redis{service_name(preset), redis_port, Secret(settings.auth ? password_mark : "")};
  redis.username = settings.user.name;
  ordered_json variables = ordered_json::object();
  const std::string reference = fmt::format("${{{}:?}}", compose_password_variable(preset));
  for (const Variable& variable : application_variables(preset, settings, redis, redis.host)) {
    std::string value = without_variables(variable.value.reveal());
    const std::size_t at = value.find(password_mark);
    if (at != std::string::npos) value.replace(at, std::string_view(password_mark).size(), reference);
    variables[variable.name] = value;
  }
  return variables;
}

}  // namespace

std::string compose_password_variable(const Preset& preset) {
  const std::string own = password_variable(preset);
  return own.empty() ? "REDIS_PASSWORD" : own;
}

ordered_json compose_file(const Preset& preset, const RedisSettings& settings) {
  ordered_json file = {{"name", settings.release}};
  file["x-redis-environment"] = environment(preset, settings);
  file["services"][service_name(preset)] = redis_service(settings);
  file["configs"]["redis-conf"]["content"] = without_variables(configuration(settings));
  if (settings.auth) file["secrets"]["redis-password"]["environment"] = compose_password_variable(preset);
  if (settings.auth && !settings.user.name.empty())
    file["secrets"]["redis-admin-password"]["environment"] = compose_admin_variable;
  if (settings.persistence) file["volumes"]["redis-data"] = ordered_json::object();
  return file;
}

}  // namespace raibid
