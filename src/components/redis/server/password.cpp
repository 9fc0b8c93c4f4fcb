#include "components/redis/server/password.hpp"

#include <string.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdint>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/strings.hpp"
#include "sys/files.hpp"
#include "sys/random.hpp"

namespace raibid {

namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::size_t password_length = 32;
/// The largest multiple of the alphabet's size in a byte: from here on some characters would come more often.
constexpr std::size_t first_rejected = 256 / alphabet.size() * alphabet.size();

constexpr std::size_t shortest_own = 8;
constexpr std::size_t longest_own = 512;
constexpr std::size_t largest_password_file = 64 * 1024;

/// redis_exporter looks its password up by the address, with the user in it when it has one. Where Redis speaks TLS it
/// asks over the pod's socket.
constexpr std::array exporter_addresses{"redis://127.0.0.1:6379", "redis://exporter@127.0.0.1:6379",
                                        "unix:///run/redis/redis.sock", "unix://exporter@/run/redis/redis.sock"};

/// What redis_exporter asks by default, and for the lengths of the keys and streams it is told to watch: nothing here
/// reads or writes a value. Subcommands go by name, so that what a later Redis adds stays closed.
constexpr std::string_view exporter_rules =
    "resetchannels ~* -@all +ping +info +config|get +client|setname +select +latency|latest +latency|histogram "
    "+slowlog|len +slowlog|get "
    "+cluster|info +type +llen +hlen +scard +zcard +xlen +xinfo|stream +xinfo|groups +xinfo|consumers";

/// What the safe trim calls (templates/scripts/queue/trim.lua), and what runs it.
constexpr std::string_view trim_rules =
    "resetchannels -@all +eval +evalsha +type +xlen +xinfo|groups +xpending +xrange +xtrim +time";

/// What `redis-cli --rdb` sends, and INFO for the version and the numbers of keys.
constexpr std::string_view backup_rules = "resetchannels -@all +psync +sync +replconf +ping +info";

/// A key as an ACL pattern that means this key alone.
std::string key_pattern(std::string_view key) {
  std::string pattern = "~";
  for (const char c : key) {
    if (std::string_view("*?[]\\").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

std::string credential(const Secret& password) {
  return password.empty() ? "nopass" : "#" + sha256_hex(password.reveal());
}

std::string trim_user(const TrimUser& trim) {
  std::string text = fmt::format("user trim on {} {}", credential(trim.password), trim_rules);
  for (const std::string& stream : trim.streams) text += " " + key_pattern(stream);
  return text + "\n";
}

}  // namespace

Secret generate_password(Random& random) {
  std::string password;
  password.reserve(password_length);
  std::array<std::uint8_t, 2 * password_length> bytes{};
  while (password.size() < password_length) {
    random.fill(bytes);
    for (const std::uint8_t byte : bytes) {
      if (byte < first_rejected && password.size() < password_length) password += alphabet[byte % alphabet.size()];
    }
  }
  explicit_bzero(bytes.data(), bytes.size());
  Secret secret(password);
  explicit_bzero(password.data(), password.size());
  return secret;
}

std::string password_problem(std::string_view password) {
  if (password.empty()) return "is empty";
  const auto bad = std::find_if(password.begin(), password.end(), [](char c) { return c <= ' ' || c > '~'; });
  if (bad != password.end() && *bad == '\n' && bad + 1 == password.end()) return "ends with a line break";
  if (bad != password.end())
    return fmt::format("has a character {} that is a space or not printable ASCII", bad - password.begin() + 1);
  if (password.size() < shortest_own) return fmt::format("has fewer than {} characters", shortest_own);
  return password.size() > longest_own ? fmt::format("has more than {} characters", longest_own) : "";
}

Secret read_password_file(const std::string& path, TimePoint until, PasswordFor whose) {
  const bool ours = whose == PasswordFor::our_redis;
  const auto refuse = [&](const std::string& why) -> Secret {
    throw Error(ExitCode::usage, fmt::format("--password-file {}: {}", printable(path), why),
                ours ? fmt::format("the first line is the password: {} to {} printable ASCII characters without spaces",
                                   shortest_own, longest_own)
                     : fmt::format("the first line is the password: at most {} bytes", longest_own));
  };
  std::optional<std::string> content;
  try {
    content = read_file(path, largest_password_file, until);
  } catch (Error& error) {
    throw error.with_code(ExitCode::usage).during("reading --password-file");
  }
  if (!content) return refuse("there is no such file");
  std::string_view line = std::string_view(*content).substr(0, content->find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  const auto bad = std::find_if(line.begin(), line.end(), [](char c) { return c <= ' ' || c > '~'; });
  // the character itself is not shown: it is part of a secret
  if (ours && bad != line.end())
    return refuse(
        fmt::format("character {} of the first line is a space or not printable ASCII", bad - line.begin() + 1));
  if (line.empty()) return refuse("the first line is empty");
  if (ours && line.size() < shortest_own)
    return refuse(fmt::format("the first line has fewer than {} characters", shortest_own));
  if (line.size() > longest_own) return refuse(fmt::format("the first line has more than {} characters", longest_own));
  return Secret(std::string(line));
}

std::string acl_file(const Secret& password, const Secret& exporter_password, const TrimUser& trim,
                     const ApplicationUser& application) {
  std::string text = application_lines(application.user, credential(password), application.admin_password);
  text += health_user_line;
  if (!exporter_password.empty())
    text += fmt::format("user exporter on {} {}\n", credential(exporter_password), exporter_rules);
  if (!trim.password.empty()) text += trim_user(trim);
  return text;
}

Secret with_trim_user(const Secret& acl, const TrimUser& trim) {
  std::string text;
  for (const std::string& line : split(acl.reveal(), '\n')) {
    if (!line.empty() && !line.starts_with("user trim ")) text += line + "\n";
  }
  Secret all(text + trim_user(trim));
  explicit_bzero(text.data(), text.size());
  return all;
}

SecretContent secret_content(const Secret& password, const Secret& exporter_password, const TrimUser& trim,
                             const ApplicationUser& application) {
  SecretContent content;
  content.emplace(acl_key, acl_file(password, exporter_password, trim, application));
  if (!trim.password.empty()) content.emplace("trim-password", trim.password);
  if (!password.empty()) content.emplace(password_key, password);
  if (!application.user.name.empty()) {
    content.emplace(username_key, application.user.name);
    content.emplace(admin_password_key, application.admin_password);
  }
  if (!exporter_password.empty()) {
    nlohmann::ordered_json by_address;
    for (const char* address : exporter_addresses) by_address[address] = exporter_password.reveal();
    content.emplace("exporter.json", json_text(by_address));
  }
  return content;
}

SecretContent without_reload_user(SecretContent present) {
  std::string text;
  for (const std::string& line : split(value_of(present, acl_key).reveal(), '\n')) {
    if (!line.empty() && !line.starts_with("user tls ")) text += line + "\n";
  }
  present[acl_key] = Secret(text);
  present.erase(reload_password_key);
  return present;
}

SecretContent with_reload_user(SecretContent present, const Secret& password) {
  present = without_reload_user(std::move(present));
  std::string text = present[acl_key].reveal();
  const std::string line = fmt::format("user tls on {} resetchannels -@all +config|set\n", credential(password));
  text.insert(std::min(text.find("user trim "), text.size()), line);  // with_trim_user puts that one last
  present[acl_key] = Secret(text);
  present[reload_password_key] = password;
  return present;
}

SecretContent with_backup_user(SecretContent present, const Secret& password) {
  std::string text;
  for (const std::string& line : split(value_of(present, acl_key).reveal(), '\n')) {
    if (!line.empty() && !line.starts_with("user backup ")) text += line + "\n";
  }
  const Secret known = value_of(present, backup_password_key);
  const Secret& own = known.empty() ? password : known;
  const std::string line = fmt::format("user backup on {} {}\n", credential(own), backup_rules);
  text.insert(std::min(text.find("user trim "), text.size()), line);  // with_trim_user puts that one last
  present[acl_key] = Secret(text);
  present[backup_password_key] = own;
  return present;
}

bool lacks_backup_user(const SecretContent& present) {
  if (value_of(present, backup_password_key).empty()) return true;
  const auto lines = split(value_of(present, acl_key).reveal(), '\n');
  const auto wanted = split(value_of(with_backup_user(present, Secret()), acl_key).reveal(), '\n');
  return std::any_of(wanted.begin(), wanted.end(), [&](const std::string& line) {
    return line.starts_with("user backup ") && std::find(lines.begin(), lines.end(), line) == lines.end();
  });
}

Secret with_every_address(const Secret& exporter_file) {
  const nlohmann::json present = try_parse_json(exporter_file.reveal());
  if (!present.is_object() || present.empty() || !present.begin()->is_string()) return exporter_file;
  nlohmann::ordered_json by_address;
  for (const char* address : exporter_addresses) by_address[address] = *present.begin();
  const bool complete = std::all_of(exporter_addresses.begin(), exporter_addresses.end(),
                                    [&](const char* address) { return present.contains(address); });
  return complete ? exporter_file : Secret(json_text(by_address));
}

}  // namespace raibid
