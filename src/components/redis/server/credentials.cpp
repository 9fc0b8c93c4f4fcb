#include "components/redis/server/credentials.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/json_depth.hpp"
#include "base/strings.hpp"
#include "sys/files.hpp"

namespace raibid {

namespace {

using nlohmann::json;

constexpr const char* main_file = "redis-credentials.json";
constexpr const char* main_preset = "raibid";      // whose guide names that file
constexpr std::size_t largest_file = 512 * 1024;  // with the certificates of every public CA
constexpr int last_port = 65535;

[[noreturn]] void unusable_file(const fs::path& path, const std::string& why) {
  throw Error(ExitCode::preflight, fmt::format("the credentials file {} {}", path.string(), why),
              fmt::format("it is never overwritten: correct it, or move it away ({})",
                          shell_join(std::vector<std::string>{"mv", path.string(), path.string() + ".damaged"})));
}

[[noreturn]] void damaged(const fs::path& path, const std::string& why) { unusable_file(path, "is damaged: " + why); }

/// nlohmann's own message quotes what it last read, which may be the password.
std::string place_of(std::string_view text, std::size_t byte) {
  const std::size_t end = std::min(byte == 0 ? 0 : byte - 1, text.size());
  const auto line = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end), '\n') + 1;
  const std::size_t start = text.substr(0, end).rfind('\n');
  return fmt::format("line {}, column {}", line, start == std::string_view::npos ? end + 1 : end - start);
}

json parse_object(const fs::path& path, const std::string& text) {
  if (nested_too_deeply(text)) damaged(path, "it is nested too deeply");
  try {
    json object = parse_json(text);
    if (!object.is_object()) damaged(path, "it holds no JSON object");
    return object;
  } catch (const json::parse_error& error) {
    damaged(path, "it is not JSON at " + place_of(text, error.byte));
  } catch (const json::out_of_range&) {
    damaged(path, "it holds a number that is out of range");
  }
}

class KeyReader {
 public:
  KeyReader(const fs::path& path, const json& object) : m_path(path), m_object(object) {}

  std::string required(const char* key) const {
    if (!m_object.contains(key)) damaged(m_path, fmt::format("the key \"{}\" is missing", key));
    return text(key);
  }
  /// Keys that a file of the seed's form does not have.
  std::string optional(const char* key) const { return m_object.contains(key) ? text(key) : ""; }

  /// An object as its text, "" when it is not there.
  std::string object(const char* key) const {
    if (!m_object.contains(key)) return "";
    if (!m_object[key].is_object()) damaged(m_path, fmt::format("\"{}\" is not an object", key));
    return json_text(m_object[key]);
  }

  /// False when it is not there.
  bool flag(const char* key) const {
    if (!m_object.contains(key)) return false;
    if (!m_object[key].is_boolean()) damaged(m_path, fmt::format("\"{}\" is neither true nor false", key));
    return m_object[key].get<bool>();
  }

  /// 0 when it is not there.
  int count(const char* key) const {
    if (!m_object.contains(key)) return 0;
    const json& value = m_object[key];
    if (!value.is_number_integer() || value < 0 || value > 1'000'000)
      damaged(m_path, fmt::format("\"{}\" is not a number that it can be", key));
    return value.get<int>();
  }

  /// Pairs of text; none when it is not there.
  std::vector<std::pair<std::string, std::string>> pairs(const char* key) const {
    std::vector<std::pair<std::string, std::string>> all;
    if (!m_object.contains(key)) return all;
    const auto is_pair = [](const json& item) {
      return item.is_array() && item.size() == 2 && item[0].is_string() && item[1].is_string();
    };
    if (!m_object[key].is_array()) damaged(m_path, fmt::format("\"{}\" is not a list", key));
    for (const json& item : m_object[key]) {
      if (!is_pair(item)) damaged(m_path, fmt::format("\"{}\" holds something else than pairs of text", key));
      all.emplace_back(item[0].get<std::string>(), item[1].get<std::string>());
    }
    return all;
  }

  int port() const {
    if (!m_object.contains("port")) damaged(m_path, "the key \"port\" is missing");
    const json& value = m_object["port"];
    if (!value.is_number_integer() || value < 1 || value > last_port)
      damaged(m_path, "\"port\" is not a number from 1 to 65535");
    return value.get<int>();
  }

 private:
  std::string text(const char* key) const {
    if (!m_object[key].is_string()) damaged(m_path, fmt::format("\"{}\" is not a string", key));
    return m_object[key].get<std::string>();
  }

  const fs::path& m_path;
  const json& m_object;
};

/// The characters that no shell and no file system minds.
std::string for_file_name(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    name += plain ? c : '-';
  }
  constexpr std::size_t longest = 100;
  return name.substr(0, longest);
}

std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                            std::string_view("-._~").find(c) != std::string_view::npos;
    encoded += unreserved ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

bool is_credentials_file(const std::string& name) {
  return name.starts_with("redis-credentials.") && name.ends_with(".json");
}

}  // namespace

std::optional<Credentials> read_credentials(const fs::path& path) {
  std::optional<std::string> text;
  try {
    text = read_own_file(path, largest_file);
  } catch (const Error& error) {
    if (error.code() == ExitCode::preflight) throw;  // whose it is, and what to do about it
    unusable_file(path, "cannot be read: " + error.message());
  }
  if (!text) return std::nullopt;
  const json object = parse_object(path, *text);
  const KeyReader reader(path, object);
  Credentials credentials;
  credentials.host = reader.required("host");
  credentials.port = reader.port();
  credentials.password = Secret(reader.required("password"));
  credentials.name_space = reader.required("namespace");
  credentials.stream = reader.required("stream");
  credentials.consumer_group = reader.required("consumer_group");
  credentials.context = reader.optional("context");
  credentials.cluster_uid = reader.optional("cluster_uid");
  credentials.release = reader.optional("release");
  credentials.target = reader.optional("target");
  credentials.username = reader.optional("username");
  credentials.admin_password = Secret(reader.optional("admin_password"));
  credentials.database = reader.count("database");
  credentials.made = reader.pairs("made");
  credentials.tls = reader.flag("tls");
  credentials.ca_certificate = reader.optional("ca_certificate");
  credentials.tls_certificate = reader.optional("tls_certificate");
  credentials.tls_key = reader.optional("tls_key");
  credentials.record = reader.object("record");
  credentials.path = path;
  return credentials;
}

std::vector<Credentials> all_credentials(const Paths& paths) {
  std::error_code none;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(paths.home, none)) {
    if (is_credentials_file(entry.path().filename().string())) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<Credentials> all;
  for (const fs::path& file : files) {
    if (auto credentials = read_credentials(file)) all.push_back(std::move(*credentials));
  }
  return all;
}

std::optional<Credentials> find_credentials(const Paths& paths, const std::string& target,
                                            const std::string& cluster_uid, const std::string& name_space,
                                            const std::string& release) {
  Credentials wanted;
  wanted.target = target;
  wanted.cluster_uid = cluster_uid;
  wanted.name_space = name_space;
  wanted.release = release;
  for (Credentials& credentials : all_credentials(paths)) {
    if (same_owner(credentials, wanted)) return std::move(credentials);
  }
  return std::nullopt;
}

fs::path credentials_path(const Paths& paths, const Credentials& credentials, const std::string& preset) {
  const std::vector<Credentials> present = all_credentials(paths);
  for (const Credentials& other : present) {
    if (same_owner(other, credentials)) return other.path;
  }
  const std::string place = credentials.target == "local" ? "local" : credentials.context;
  const std::string base =
      fmt::format("redis-credentials.{}@{}", for_file_name(credentials.release), for_file_name(place));
  // k3s calls every context "default": namespace and cluster tell those apart
  const std::string space = base + "." + for_file_name(credentials.name_space);
  const std::string uid = space + "." + for_file_name(credentials.cluster_uid);
  std::vector<std::string> names = {base + ".json", space + ".json", uid + ".json"};
  if (preset == main_preset) names.insert(names.begin(), main_file);
  for (const std::string& name : names) {
    const fs::path path = paths.home / name;
    const auto taken = [&](const Credentials& other) { return other.path == path; };
    if (std::none_of(present.begin(), present.end(), taken)) return path;
  }
  throw Error(ExitCode::preflight,
              fmt::format("every name for the credentials of {} is taken by other files in {}", credentials.release,
                          paths.home.string()),
              "move those away that are no longer needed");
}

bool same_owner(const Credentials& left, const Credentials& right) {
  return left.target == right.target && left.cluster_uid == right.cluster_uid && left.name_space == right.name_space &&
         left.release == right.release;
}

std::string to_json(const Credentials& credentials) {
  nlohmann::ordered_json object = {
      {"host", credentials.host},
      {"port", credentials.port},
      {"password", credentials.password.reveal()},
      {"namespace", credentials.name_space},
      {"stream", credentials.stream},
      {"consumer_group", credentials.consumer_group},
      {"context", credentials.context},
      {"cluster_uid", credentials.cluster_uid},
      {"release", credentials.release},
      {"target", credentials.target},
      {"username", credentials.username},
  };
  if (!credentials.admin_password.empty()) object["admin_password"] = credentials.admin_password.reveal();
  if (credentials.database != 0) object["database"] = credentials.database;
  if (credentials.tls) object["tls"] = true;
  if (!credentials.ca_certificate.empty()) object["ca_certificate"] = credentials.ca_certificate;
  if (!credentials.tls_certificate.empty()) object["tls_certificate"] = credentials.tls_certificate;
  if (!credentials.tls_key.empty()) object["tls_key"] = credentials.tls_key;
  for (const auto& [stream, group] : credentials.made)
    object["made"].push_back(nlohmann::ordered_json::array({stream, group}));
  if (!credentials.record.empty()) object["record"] = parse_json(credentials.record);
  return json_text(object, 2) + "\n";
}

bool credentials_are_saved(const Credentials& credentials, const fs::path& path) {
  constexpr fs::perms others = fs::perms::group_all | fs::perms::others_all;
  std::error_code error;
  const fs::file_status status = fs::symlink_status(path, error);
  if (error || (status.permissions() & others) != fs::perms::none) return false;
  return read_own_file(path, largest_file) == to_json(credentials);
}

void save_credentials(const Files& files, const Credentials& credentials, const fs::path& path) {
  files.make_private_directory(path.parent_path());
  files.write_own_file(path, to_json(credentials));
}

std::string redis_url(const std::string& host, int port, const Secret& password, std::string_view user, int database,
                      bool tls) {
  const std::string scheme = tls ? "rediss" : "redis";
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  const std::string address = fmt::format("{}:{}{}", name, port, database == 0 ? "" : fmt::format("/{}", database));
  const bool is_default = user.empty() || user == "default";
  if (password.empty() && is_default) return scheme + "://" + address;
  if (password.empty()) return fmt::format("{}://{}@{}", scheme, percent_encoded(user), address);
  return fmt::format("{}://{}:{}@{}", scheme, percent_encoded(user), percent_encoded(password.reveal()), address);
}

}  // namespace raibid
