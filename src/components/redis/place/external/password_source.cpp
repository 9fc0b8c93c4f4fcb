#include "components/redis/place/external/password_source.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"

namespace raibid {

namespace {

using nlohmann::json;
using namespace std::string_view_literals;

/// Variables that hold the default user's password: Bitnami's, CloudPirates' and valkey-helm's charts, and what
/// redis-cli reads.
constexpr std::array password_variables = {"REDIS_PASSWORD"sv, "VALKEY_PASSWORD"sv, "REDISCLI_AUTH"sv};
constexpr std::array file_variables = {"REDIS_PASSWORD_FILE"sv, "VALKEY_PASSWORD_FILE"sv};
/// Keys of a mounted Secret: Bitnami's, and valkey-helm's.
constexpr std::array password_keys = {"redis-password"sv, "valkey-password"sv, "default-password"sv};

template <std::size_t size>
bool is_one_of(const std::string& text, const std::array<std::string_view, size>& all) {
  return std::find(all.begin(), all.end(), text) != all.end();
}

/// The server's own container first: another one may log in to something else.
std::vector<const json*> containers_of(const json& pod) {
  std::vector<const json*> all;
  for (const char* const kind : {"containers", "initContainers"}) {
    for (const json& container : items_at(pod, {"spec", kind})) all.push_back(&container);
  }
  return all;
}

struct MountedSecret {
  std::string secret;
  std::string path;  ///< where it is mounted
  const json* items = nullptr;
};

/// The Secrets that a container has as files; those of projected volumes, too.
std::vector<MountedSecret> mounted_secrets(const json& pod, const json& container) {
  std::vector<MountedSecret> all;
  for (const json& mount : items_at(container, {"volumeMounts"})) {
    for (const json& volume : items_at(pod, {"spec", "volumes"})) {
      if (text_at(volume, {"name"}) != text_at(mount, {"name"})) continue;
      std::string path = text_at(mount, {"mountPath"});
      while (path.size() > 1 && path.ends_with('/')) path.pop_back();
      const std::string secret = text_at(volume, {"secret", "secretName"});
      if (!secret.empty()) all.push_back({secret, path, &at(volume, {"secret", "items"})});
      for (const json& source : items_at(volume, {"projected", "sources"})) {
        const std::string projected = text_at(source, {"secret", "name"});
        if (!projected.empty()) all.push_back({projected, path, &at(source, {"secret", "items"})});
      }
    }
  }
  return all;
}

/// The key that is this file of a mounted Secret, or "".
std::string key_of_file(const MountedSecret& mounted, const std::string& file) {
  if (!file.starts_with(mounted.path + "/")) return "";
  const std::string name = file.substr(mounted.path.size() + 1);
  if (!mounted.items->is_array()) return name;
  for (const json& item : *mounted.items) {
    if (text_at(item, {"path"}) == name) return text_at(item, {"key"});
  }
  return "";
}

void add(std::vector<PasswordSource>& sources, PasswordSource source) {
  if (std::find(sources.begin(), sources.end(), source) == sources.end()) sources.push_back(std::move(source));
}

void add_from_variables(std::vector<PasswordSource>& sources, const json& pod, const json& container) {
  for (const json& variable : items_at(container, {"env"})) {
    const std::string name = text_at(variable, {"name"});
    const std::string secret = text_at(variable, {"valueFrom", "secretKeyRef", "name"});
    if (is_one_of(name, password_variables) && !secret.empty())
      add(sources, {secret, text_at(variable, {"valueFrom", "secretKeyRef", "key"})});
    if (!is_one_of(name, file_variables)) continue;
    for (const MountedSecret& mounted : mounted_secrets(pod, container)) {
      const std::string key = key_of_file(mounted, text_at(variable, {"value"}));
      if (!key.empty()) add(sources, {mounted.secret, key});
    }
  }
  for (const json& all : items_at(container, {"envFrom"})) {
    const std::string secret = text_at(all, {"secretRef", "name"});
    if (secret.empty()) continue;
    for (const std::string_view name : password_variables) add(sources, {secret, std::string(name)});
  }
}

/// The mounted Secret that has this file.
SecretFile file_in_secret(const json& pod, const json& container, const std::string& path) {
  for (const MountedSecret& mounted : mounted_secrets(pod, container)) {
    const std::string key = key_of_file(mounted, path);
    if (!key.empty()) return {mounted.secret, key};
  }
  return {};
}

/// The values of variables, as they stand there.
std::map<std::string, std::string> plain_variables(const json& container) {
  std::map<std::string, std::string> all;
  for (const json& variable : items_at(container, {"env"}))
    all[text_at(variable, {"name"})] = text_at(variable, {"value"});
  return all;
}

/// The words of a command, those of a shell's script as well.
std::vector<std::string> words_of(const json& command) {
  std::vector<std::string> words;
  for (const json& text : command) {
    std::string line = text.is_string() ? text.get<std::string>() : "";
    std::replace_if(
        line.begin(), line.end(), [](char c) { return c == '\n' || c == '\t' || c == '"' || c == '\''; }, ' ');
    for (std::string& word : split(line, ' ')) {
      if (!word.empty()) words.push_back(std::move(word));
    }
  }
  return words;
}

/// "--tls-port" → "6379", of those whose names begin so.
std::map<std::string, std::string> options_in(const std::vector<std::string>& words, std::string_view prefix) {
  std::map<std::string, std::string> options;
  for (std::size_t at = 0; at + 1 < words.size(); ++at) {
    if (words[at].starts_with(prefix)) options[words[at]] = words[at + 1];
  }
  return options;
}

std::map<std::string, std::string> server_options(const json& container) {
  std::vector<std::string> words = words_of(items_at(container, {"command"}));
  for (std::string& word : words_of(items_at(container, {"args"}))) words.push_back(std::move(word));
  return options_in(words, "--tls-");
}

/// What a probe gives redis-cli. Charts that write redis.conf by a script say nowhere else in the pod that it speaks
/// TLS: CloudPirates' and valkey-helm.
std::map<std::string, std::string> probe_options(const json& container) {
  for (const char* const probe : {"readinessProbe", "livenessProbe", "startupProbe"}) {
    const std::vector<std::string> words = words_of(items_at(container, {probe, "exec", "command"}));
    if (std::find(words.begin(), words.end(), "--tls") != words.end()) return options_in(words, "--");
  }
  return {};
}

/// An argument as redis.conf has it (redis: src/sds.c, sdssplitargs): in double quotes with \n, \xHH and the like, in
/// single quotes with \' alone.
std::string unquoted(const std::string& text) {
  if (text.size() < 2 || (text.front() != '"' && text.front() != '\'') || text.back() != text.front()) return text;
  const bool is_double = text.front() == '"';
  const std::string inner = text.substr(1, text.size() - 2);
  std::string result;
  for (std::size_t at = 0; at < inner.size(); ++at) {
    const bool escaped = inner[at] == '\\' && at + 1 < inner.size() && (is_double || inner[at + 1] == '\'');
    if (!escaped) {
      result += inner[at];
      continue;
    }
    const char next = inner[++at];
    const std::string digits = inner.substr(at + 1, 2);
    const bool is_byte = is_double && next == 'x' && digits.size() == 2 &&
                         digits.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
    if (is_byte) {
      result += static_cast<char>(std::stoi(digits, nullptr, 16));
      at += 2;
      continue;
    }
    constexpr std::string_view letters = "nrtba", meanings = "\n\r\t\b\a";
    const std::size_t letter = is_double ? letters.find(next) : std::string_view::npos;
    result += letter == std::string_view::npos ? next : meanings[letter];
  }
  return result;
}

}  // namespace

std::optional<TlsSource> tls_source(const json& pod) {
  for (const json& container : items_at(pod, {"spec", "containers"})) {
    std::map<std::string, std::string> variables = plain_variables(container);
    std::map<std::string, std::string> options = server_options(container);
    std::string ca, certificate, key, asks;
    for (const std::string prefix : {"REDIS_TLS_", "VALKEY_TLS_"}) {
      const std::string enabled = to_lower(variables[prefix + "ENABLED"]);
      if (enabled != "yes" && enabled != "true") continue;
      ca = variables[prefix + "CA_FILE"];
      certificate = variables[prefix + "CERT_FILE"];
      key = variables[prefix + "KEY_FILE"];
      asks = variables[prefix + "AUTH_CLIENTS"];
    }
    const std::string port = options["--tls-port"];
    if (ca.empty() && certificate.empty() && !port.empty() && port != "0") {
      ca = options["--tls-ca-cert-file"];
      certificate = options["--tls-cert-file"];
      key = options["--tls-key-file"];
      asks = options["--tls-auth-clients"];
    }
    if (ca.empty() && certificate.empty()) {
      std::map<std::string, std::string> client = probe_options(container);
      ca = client["--cacert"];
      certificate = client["--cert"];
      key = client["--key"];
    }
    if (ca.empty() && certificate.empty()) continue;
    TlsSource source{file_in_secret(pod, container, ca), {}, {}};
    if (asks == "no" || asks == "optional") return source;
    source.certificate = file_in_secret(pod, container, certificate);
    source.key = file_in_secret(pod, container, key);
    return source;
  }
  return std::nullopt;
}

std::string PasswordSource::text() const {
  return key.empty() ? "Secret " + secret : fmt::format("Secret {}, key {}", secret, key);
}

std::vector<PasswordSource> password_sources(const json& pod, const std::string& user) {
  std::vector<PasswordSource> sources;
  const std::vector<const json*> containers = containers_of(pod);
  if (user.empty()) {
    for (const json* const container : containers) add_from_variables(sources, pod, *container);
  }
  for (const json* const container : containers) {
    for (const MountedSecret& mounted : mounted_secrets(pod, *container)) {
      // valkey-helm has each user's in a key of its name
      if (!user.empty()) {
        add(sources, {mounted.secret, user + "-password"});
        add(sources, {mounted.secret, user});
        continue;
      }
      for (const std::string_view key : password_keys) add(sources, {mounted.secret, std::string(key)});
      add(sources, {mounted.secret, "default"});
    }
  }
  if (!user.empty()) return sources;
  for (const json* const container : containers) {
    for (const MountedSecret& mounted : mounted_secrets(pod, *container)) add(sources, {mounted.secret, "", true});
  }
  return sources;
}

std::optional<Secret> password_at(const SecretContent& content, const PasswordSource& source) {
  if (!source.in_settings) {
    const auto found = content.find(source.key);
    if (found == content.end()) return std::nullopt;
    // as the charts' shells read it: a line break at its end belongs to the file that the Secret was made of
    std::string password = found->second.reveal();
    while (password.ends_with('\n') || password.ends_with('\r')) password.pop_back();
    return password.empty() ? std::nullopt : std::optional(Secret(password));
  }
  std::optional<Secret> found;
  for (const auto& [key, value] : content) {
    for (const std::string& line : split(value.reveal(), '\n')) {
      const std::string text(trim(line));
      if (!to_lower(text).starts_with("requirepass ")) continue;
      const std::string password = unquoted(std::string(trim(text.substr(std::string_view("requirepass ").size()))));
      if (!password.empty()) found = Secret(password);  // the last one holds, as in redis.conf
    }
  }
  return found;
}

}  // namespace raibid
