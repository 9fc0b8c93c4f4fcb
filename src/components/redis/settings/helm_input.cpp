#include "components/redis/settings/helm_input.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/redis_conf.hpp"
#include "config/yaml.hpp"
#include "sys/files.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;
using namespace std::string_view_literals;

constexpr const char* bitnami_reference = "oci://registry-1.docker.io/bitnamicharts/redis";
/// What the generated values were tried with.
constexpr const char* bitnami_version = "23.1.1";
constexpr std::size_t largest_values_file = 1 << 20;

constexpr const char* password_hint =
    "setup makes a password and keeps it in a Secret; to bring your own, use --password-file (--no-auth for none)";

constexpr std::array password_words{"password"sv, "passwd"sv, "passphrase"sv, "requirepass"sv, "masterauth"sv};
/// Keys that have "password" in their name and hold none.
constexpr std::array harmless_keys{"existingsecretpasswordkey"sv, "usepasswordfiles"sv, "usepasswordfilefromsecret"sv};
/// Keys that decide the names by which status, teardown and a rollback find everything.
constexpr std::array name_keys{"fullnameoverride"sv, "nameoverride"sv, "namespaceoverride"sv};

/// Values that belong to an option: what setup makes and looks at goes by that. All below such a key, too.
struct Decided {
  std::string_view key;
  const char* hint;
  bool in_any_chart;
};
constexpr Decided decided[] = {{"auth.enabled", "use --no-auth", true},
                               {"architecture", "use --ha", false},
                               {"replica.replicacount", "use --ha --replicas", false},
                               {"sentinel.quorum", "leave it out: it is the majority of the nodes", false},
                               {"tls", "use --tls, --tls-secret or --tls-client-certs", false}};

void refuse_decided(const std::string& key, ChartChoice::Kind chart, const std::string& what) {
  const std::string lower = to_lower(key);
  for (const Decided& one : decided) {
    if (!one.in_any_chart && chart != ChartChoice::Kind::embedded) continue;
    if (!lower.starts_with(one.key) || (lower.size() > one.key.size() && lower[one.key.size()] != '.')) continue;
    throw Error(ExitCode::usage, fmt::format("{}: {} is decided by raibid-cli", what, printable(key)), one.hint);
  }
}

bool looks_like_password(std::string_view key) {
  const std::string lower = to_lower(key);
  if (std::find(harmless_keys.begin(), harmless_keys.end(), lower) != harmless_keys.end()) return false;
  return std::any_of(password_words.begin(), password_words.end(),
                     [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

bool decides_names(std::string_view key) {
  const std::string lower = to_lower(key);
  return std::find(name_keys.begin(), name_keys.end(), lower) != name_keys.end();
}

[[noreturn]] void refuse_password(const std::string& what, const std::string& key) {
  throw Error(ExitCode::usage,
              fmt::format("{}: {} would put a password where others can read it", what, printable(key)), password_hint);
}

[[noreturn]] void refuse_name(const std::string& what, const std::string& key) {
  throw Error(ExitCode::usage,
              fmt::format("{}: {} would change the names that raibid-cli finds everything by", what, printable(key)),
              "use --release and --namespace");
}

bool is_chart_folder(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

bool is_path(const std::string& text) {
  std::error_code ignored;
  if (text.find("://") != std::string::npos) return false;
  return text.starts_with('/') || text.starts_with('.') || text.starts_with('~') || text.ends_with(".tgz") ||
         fs::exists(text, ignored);
}

/// Whether the folder holds Bitnami's chart of Redis, under whatever name.
bool holds_bitnami_chart(const std::string& folder, const std::string& what) {
  const std::optional<std::string> text = read_file(fs::path(folder) / "Chart.yaml");
  if (!text) {
    throw Error(ExitCode::usage, fmt::format("{}: {} holds no Chart.yaml", what, printable(folder)),
                "name the chart's own folder");
  }
  const ordered_json chart = parse_yaml(*text, (fs::path(folder) / "Chart.yaml").string());
  const auto has = [&](const char* key, std::string_view part) {
    return chart.is_object() && chart.contains(key) && chart[key].is_string() &&
           chart[key].get_ref<const std::string&>().find(part) != std::string::npos;
  };
  return has("name", "redis") && has("home", "bitnami.com");
}

ChartChoice chart_at_path(const std::string& path, const std::string& what) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    throw Error(ExitCode::usage, fmt::format("{}: there is no chart at {}", what, printable(path)),
                "name a chart's folder or its .tgz, or use embedded, bitnami, oci://… or REPOSITORY/NAME");
  }
  ChartChoice chart;
  chart.kind =
      is_chart_folder(path) && holds_bitnami_chart(path, what) ? ChartChoice::Kind::bitnami : ChartChoice::Kind::other;
  chart.reference = path;
  return chart;
}

bool is_bitnami_reference(const std::string& text) {
  return text == "bitnami/redis" || text.ends_with("/bitnamicharts/redis");
}

/// Splits helm's "a=1,b[0]=x\,y,c={d,e}" at the commas that part pairs.
std::vector<std::string> pairs_of(std::string_view set) {
  std::vector<std::string> pairs(1);
  int depth = 0;
  for (std::size_t at = 0; at < set.size(); ++at) {
    if (set[at] == '\\' && at + 1 < set.size()) {
      pairs.back() += set[at++];
    } else if (set[at] == '{') {
      ++depth;
    } else if (set[at] == '}') {
      depth = std::max(depth - 1, 0);
    } else if (set[at] == ',' && depth == 0) {
      pairs.emplace_back();
      continue;
    }
    pairs.back() += set[at];
  }
  return pairs;
}

/// The parts of "auth.acl.users[0].password" that are names.
std::vector<std::string> key_parts(std::string_view key) {
  std::vector<std::string> parts;
  for (const std::string& part : split(key, '.'))
    parts.emplace_back(trim(std::string_view(part).substr(0, part.find('['))));
  return parts;
}

void check_pair(const std::string& pair, ChartChoice::Kind chart, const std::string& what) {
  const std::size_t equals = pair.find('=');
  const std::string key = pair.substr(0, equals);
  if (equals == std::string::npos || trim(key).empty()) {
    throw Error(ExitCode::usage, fmt::format("{}: not of the form KEY=VALUE", what),
                "for instance --set master.nodeSelector.disk=ssd");
  }
  for (const std::string& part : key_parts(key)) {
    if (looks_like_password(part)) refuse_password(what, key);
    if (decides_names(part)) refuse_name(what, key);
  }
  refuse_decided(key, chart, what);
  if (sets_password(std::string_view(pair).substr(equals + 1))) refuse_password(what, key);
}

/// `path` is where `value` stands in the file.
void check_value(const ordered_json& value, const std::string& path, const std::string& what) {
  if (value.is_object()) {
    for (const auto& [key, child] : value.items()) {
      const std::string child_path = path.empty() ? key : path + "." + key;
      const bool holds_something =
          child.is_number() || (child.is_string() && !child.get_ref<const std::string&>().empty());
      if (looks_like_password(key) && holds_something) refuse_password(what, child_path);
      if (decides_names(key) && holds_something) refuse_name(what, child_path);
      check_value(child, child_path, what);
    }
  } else if (value.is_array()) {
    for (std::size_t at = 0; at < value.size(); ++at) check_value(value[at], fmt::format("{}[{}]", path, at), what);
  } else if (value.is_string() && sets_password(value.get_ref<const std::string&>())) {
    refuse_password(what, path);
  }
}

}  // namespace

ChartChoice choose_chart(const Settings& settings) {
  const std::string what = named(settings, "chart");
  const std::string text = settings.text("chart");
  const std::string version = settings.text("chart-version");
  ChartChoice chart;
  if (text == "bitnami") {
    chart = {ChartChoice::Kind::bitnami, bitnami_reference, "", bitnami_version};
  } else if (is_path(text)) {
    chart = chart_at_path(text, what);
  } else if (text.find('/') != std::string::npos) {
    chart.kind = is_bitnami_reference(text) ? ChartChoice::Kind::bitnami : ChartChoice::Kind::other;
    chart.reference = text;
    if (chart.kind == ChartChoice::Kind::bitnami) chart.version = bitnami_version;
  } else if (text != "embedded") {
    throw Error(ExitCode::usage,
                fmt::format("{}: there is no chart \"{}\"{}", what, printable(text),
                            did_you_mean(text, std::array<std::string, 2>{"embedded", "bitnami"})),
                "use embedded, bitnami, a path, oci://… or REPOSITORY/NAME");
  }
  if (version.empty()) return chart;
  if (chart.kind == ChartChoice::Kind::embedded || is_path(text)) {
    throw Error(ExitCode::usage,
                fmt::format("{}: there is only one version of the chart \"{}\"", named(settings, "chart-version"),
                            printable(text)),
                "leave --chart-version out, or choose a chart from a registry with --chart");
  }
  chart.version = version;
  return chart;
}

void check_sets(const std::vector<std::string>& sets, ChartChoice::Kind chart, const std::string& what) {
  for (const std::string& set : sets) {
    for (const std::string& pair : pairs_of(set)) check_pair(pair, chart, what);
  }
}

std::vector<std::string> keys_of_sets(const std::vector<std::string>& sets) {
  std::vector<std::string> keys;
  for (const std::string& set : sets) {
    for (const std::string& pair : pairs_of(set)) keys.push_back(pair.substr(0, pair.find('=')));
  }
  return keys;
}

void check_values_files(const std::vector<std::string>& files, const std::string& what) {
  for (const std::string& file : files) {
    if (file == "-" || file.find("://") != std::string::npos) {
      throw Error(ExitCode::usage, fmt::format("{}: {} is not a file", what, printable(file)),
                  "save it first: values are searched for passwords before helm gets them");
    }
    const std::optional<std::string> text = read_file(file, largest_values_file);
    if (!text)
      throw Error(ExitCode::usage, fmt::format("{}: there is no file {}", what, printable(file)),
                  "name a YAML file of Helm values");
    check_value(parse_yaml(*text, file), "", fmt::format("{} {}", what, file));
  }
}

}  // namespace raibid
