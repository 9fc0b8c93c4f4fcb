#include "components/redis/commands/export/variables.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "assets/assets.hpp"
#include "assets/render.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/strings.hpp"
#include "components/redis/server/credentials.hpp"
#include "components/redis/server/node_users.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/services.hpp"

namespace raibid {

namespace {

bool mentions(std::string_view text, std::string_view name) {
  for (std::size_t at = text.find("{{"); at != std::string_view::npos; at = text.find("{{", at + 2)) {
    const std::size_t end = text.find("}}", at);
    if (end != std::string_view::npos && trim(text.substr(at + 2, end - at - 2)) == name) return true;
  }
  return false;
}

bool is_bare(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_-./:@%+,").find(c) != std::string_view::npos;
}

std::map<std::string, std::string> template_values(const RedisSettings& settings, const InstalledRedis& redis,
                                                   const std::string& service) {
  const StreamSpec stream = settings.streams.empty() ? StreamSpec{} : settings.streams.front();
  const std::string user = redis.username.empty() ? "default" : redis.username;
  return {
      {"host", redis.host},
      {"port", std::to_string(redis.port)},
      {"address", fmt::format("{}:{}", redis.host, redis.port)},
      {"url", redis_url(redis.host, redis.port, redis.password, user, redis.database, redis.tls.has_value())},
      {"password-url",
       redis_url(redis.host, redis.port, redis.password, redis.username, redis.database, redis.tls.has_value())},
      {"username", redis.password.empty() ? redis.username : user},
      {"password", redis.password.reveal()},
      {"namespace", settings.name_space},
      {"release", settings.release},
      {"service", service},
      {"stream", stream.name},
      {"group", stream.groups.empty() ? "" : stream.groups.front()},
      {"max-length", stream.name.empty() ? "" : std::to_string(stream.max_length)},
  };
}

}  // namespace

std::vector<Variable> application_variables(const Preset& preset, const RedisSettings& settings,
                                            const InstalledRedis& redis, const std::string& service) {
  const std::map<std::string, std::string> values = template_values(settings, redis, service);
  std::vector<Variable> variables;
  for (const auto& [name, text] : preset.environment) {
    const bool url = mentions(text, "url") || mentions(text, "password-url");
    const bool secret = mentions(text, "password") || (url && !redis.password.empty());
    const std::string origin = fmt::format("preset {}: environment.{}", preset.name, name);
    variables.push_back({name, Secret(render(text, values, origin)), secret});
  }
  return variables;
}

std::vector<Variable> application_files(const Preset& preset, const RedisSettings& settings,
                                        const InstalledRedis& redis, const std::string& service) {
  std::map<std::string, std::string> values = template_values(settings, redis, service);
  for (auto& [name, value] : values) {
    const std::string quoted = json_text(nlohmann::json(value));
    value = quoted.substr(1, quoted.size() - 2);
  }
  std::vector<Variable> files;
  for (const auto& [name, text] : preset.files)
    files.push_back({name, Secret(render(text, values, fmt::format("preset {}: files.{}", preset.name, name))), true});
  return files;
}

std::string password_variable(const Preset& preset) {
  for (const auto& [name, text] : preset.environment) {
    const std::string_view bare = trim(text);
    if (bare.starts_with("{{") && bare.ends_with("}}") && trim(bare.substr(2, bare.size() - 4)) == "password")
      return name;
  }
  return "";
}

std::string chosen_namespace(const RedisSettings& settings, const std::string& chosen) {
  if (chosen.empty()) return application_namespace(settings);
  if (!is_dns_label(chosen)) {
    throw Error(ExitCode::usage, fmt::format("--app-namespace: {} is not a valid namespace name", in_quotes(chosen)),
                "names are lower-case letters, digits and -");
  }
  return chosen;
}

std::vector<Variable> sentinel_variables(const std::string& addresses, const Secret& password) {
  return {{"REDIS_SENTINELS", Secret(addresses)},
          {"REDIS_SENTINEL_MASTER", Secret(master_set)},
          {"REDIS_SENTINEL_PASSWORD", password, true}};
}

ExpectedHost expected_host(const RedisSettings& settings, const std::string& application_namespace) {
  const RedisNames names(settings.release, settings.name_space, settings.cluster_domain);
  if (settings.services.empty()) return {names.host, names.workload};
  const std::string& first = settings.services.front();
  return {application_host(settings, names, application_namespace),
          first.substr(first.find('/') == std::string::npos ? 0 : first.find('/') + 1)};
}

std::string shell_line(const Variable& variable) {
  if (variable.name.find('.') != std::string::npos)
    return fmt::format("# {}: a shell cannot export a name with a dot; --format dotenv or docker can\n", variable.name);
  return fmt::format("export {}={}\n", variable.name, shell_quote(variable.value.reveal()));
}

std::string dotenv_line(const Variable& variable) {
  const std::string& value = variable.value.reveal();
  if (std::all_of(value.begin(), value.end(), is_bare)) return fmt::format("{}={}\n", variable.name, value);
  // some readers take \' inside '…' for a quote, some for two characters
  if (value.find_first_of("'\\") == std::string::npos) return fmt::format("{}='{}'\n", variable.name, value);
  // at the end of "…" compose drops an escaped quote, and godotenv takes \\" for one inside
  if (value.ends_with('\\') || value.ends_with('"')) {
    if (std::all_of(value.begin(), value.end(), [](char c) { return is_bare(c) || c == '\\'; }))
      return fmt::format("{}={}\n", variable.name, value);
    throw Error(ExitCode::usage,
                fmt::format("the value of {} ends in {}, which not every reader of .env files takes there",
                            variable.name, in_quotes(value.substr(value.size() - 1))),
                "use --format shell or docker, or a different value");
  }
  std::string escaped;
  for (const char c : value) {
    if (c == '"' || c == '\\' || c == '$') escaped += '\\';
    if (c == '\n') {
      escaped += "\\n";
    } else if (c == '\r') {
      escaped += "\\r";
    } else {
      escaped += c;
    }
  }
  return fmt::format("{}=\"{}\"\n", variable.name, escaped);
}

std::string docker_line(const Variable& variable) {
  const std::string& value = variable.value.reveal();
  if (value.find_first_of("\n\r") != std::string::npos) {
    throw Error(ExitCode::usage, fmt::format("{} holds a line break, which docker's --env-file cannot", variable.name),
                "use --format shell or dotenv, or leave the line break out of the preset");
  }
  return fmt::format("{}={}\n", variable.name, value);
}

}  // namespace raibid
