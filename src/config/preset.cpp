#include "config/preset.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"
#include "config/duration.hpp"
#include "config/redis_directives.hpp"
#include "config/yaml_guard.hpp"
#include "config/yaml_settings.hpp"
#include "config/yaml_tree.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace raibid {

namespace {

using Kind = YamlNode::Kind;
using namespace std::string_view_literals;

constexpr std::array<std::string_view, 13> known_template_names = {
    "host",      "port",    "address", "url",    "password-url", "username",  "password",
    "namespace", "release", "service", "stream", "group",        "max-length"};

constexpr std::array<std::string_view, 4> contents = {"queue", "jobs", "cache", "locks"};

constexpr std::string_view lower_case = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view decimal_digits = "0123456789";

bool consists_of(std::string_view text, const std::string& characters) {
  return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

/// Turns the parts of a preset's tree into a Preset; every complaint carries file and line.
class PresetReader {
 public:
  PresetReader(const std::string& origin, std::span<const OptionSpec> options) : m_origin(origin), m_options(options) {}

  Preset read(const YamlNode& root);

 private:
  using Part = void (PresetReader::*)(const YamlEntry&);
  struct Row {
    std::string_view key;
    Part read;
  };
  static std::span<const Row> rows();

  [[noreturn]] void fail(int line, const std::string& message) const { fail_at(m_origin, line, message); }

  void read_name(const YamlEntry& entry);
  void read_description(const YamlEntry& entry) { m_preset.description = text(entry.value, entry.key); }
  void read_settings(const YamlEntry& entry);
  void read_redis(const YamlEntry& entry);
  void read_streams(const YamlEntry& entry);
  void read_clients(const YamlEntry& entry);
  void read_services(const YamlEntry& entry) { m_preset.services = texts(entry.value, entry.key); }
  void read_holds(const YamlEntry& entry);
  void read_security_context(const YamlEntry& entry);
  void read_pod_labels(const YamlEntry& entry);
  void read_user(const YamlEntry& entry);
  void read_environment(const YamlEntry& entry);
  void read_files(const YamlEntry& entry);
  void read_smoke(const YamlEntry& entry);
  void read_accepted(const YamlEntry& entry);

  StreamSpec stream(const YamlNode& node) const;
  SmokeOperation smoke_operation(const YamlNode& node) const;
  void add_directive(const YamlEntry& entry, const YamlNode& value);
  void check_template(const YamlNode& value, const std::string& variable) const;
  void put_setting(std::string_view name, std::vector<std::string> values, int line);

  void expect(const YamlNode& node, Kind kind, std::string_view what) const;
  std::string value_text(const YamlNode& node, std::string_view what) const;
  std::string text(const YamlNode& node, std::string_view what) const;
  std::vector<std::string> texts(const YamlNode& node, std::string_view what) const;
  std::vector<std::string> acl_words(const YamlEntry& entry, const std::string& characters) const;
  std::int64_t number(const YamlNode& node, std::string_view what) const;
  Duration duration(const YamlNode& node, std::string_view what) const;
  [[noreturn]] void refuse_key(const YamlEntry& entry, std::string_view where,
                               const std::vector<std::string>& known) const;

  const std::string& m_origin;
  std::span<const OptionSpec> m_options;
  Preset m_preset;
};

std::span<const PresetReader::Row> PresetReader::rows() {
  // settings come before what adds to them: streams and clients
  static constexpr Row all[] = {
      {"name", &PresetReader::read_name},
      {"description", &PresetReader::read_description},
      {"settings", &PresetReader::read_settings},
      {"redis", &PresetReader::read_redis},
      {"streams", &PresetReader::read_streams},
      {"clients", &PresetReader::read_clients},
      {"services", &PresetReader::read_services},
      {"holds", &PresetReader::read_holds},
      {"security-context", &PresetReader::read_security_context},
      {"pod-labels", &PresetReader::read_pod_labels},
      {"user", &PresetReader::read_user},
      {"environment", &PresetReader::read_environment},
      {"files", &PresetReader::read_files},
      {"smoke", &PresetReader::read_smoke},
      {"accepted", &PresetReader::read_accepted},
  };
  return all;
}

Preset PresetReader::read(const YamlNode& root) {
  expect(root, Kind::map, "a preset");
  std::vector<std::string> known;
  for (const Row& row : rows()) known.emplace_back(row.key);
  for (const YamlEntry& entry : root.entries) {
    if (std::find(known.begin(), known.end(), entry.key) == known.end()) refuse_key(entry, "", known);
  }
  for (const Row& row : rows()) {
    const auto named = [&row](const YamlEntry& entry) { return entry.key == row.key; };
    const auto entry = std::find_if(root.entries.begin(), root.entries.end(), named);
    if (entry != root.entries.end()) (this->*row.read)(*entry);
  }
  if (m_preset.name.empty()) fail(root.line, "a preset has a name");
  return std::move(m_preset);
}

void PresetReader::read_name(const YamlEntry& entry) {
  m_preset.name = text(entry.value, entry.key);
  if (!consists_of(m_preset.name, std::string(lower_case) + std::string(decimal_digits) + "-")) {
    fail(entry.value.line, "name: lower-case letters, digits and - only");
  }
}

void PresetReader::read_settings(const YamlEntry& entry) {
  for (const YamlEntry& setting : entry.value.entries) {
    if (setting.key == "preset") fail(setting.line, "a preset cannot choose a preset");
  }
  m_preset.settings = settings_of(entry.value, m_origin, m_options);
  for (auto& [name, setting] : m_preset.settings) setting.origin.source = Source::preset;
}

void PresetReader::read_redis(const YamlEntry& entry) {
  expect(entry.value, Kind::map, entry.key);
  for (const YamlEntry& directive : entry.value.entries) {
    const std::string problem = directive_problem(directive.key);
    if (!problem.empty()) fail(directive.line, fmt::format("{} {}", in_quotes(directive.key), problem));
    if (!directive.value.is(Kind::list)) {
      add_directive(directive, directive.value);
      continue;
    }
    if (!is_repeatable_directive(directive.key))
      fail(directive.value.line, fmt::format("{} takes a single value", directive.key));
    for (const YamlNode& value : directive.value.items) add_directive(directive, value);
  }
}

void PresetReader::add_directive(const YamlEntry& entry, const YamlNode& value) {
  std::string given = value_text(value, entry.key);  // may be empty: save ""
  if (given.find_first_of("\r\n") != std::string::npos) fail(value.line, fmt::format("{} is one line", entry.key));
  m_preset.redis.emplace_back(entry.key, std::move(given));
}

void PresetReader::read_streams(const YamlEntry& entry) {
  expect(entry.value, Kind::list, entry.key);
  for (const YamlNode& item : entry.value.items) {
    StreamSpec spec = stream(item);
    const auto same = [&spec](const StreamSpec& other) { return other.name == spec.name; };
    if (std::any_of(m_preset.streams.begin(), m_preset.streams.end(), same)) {
      fail(item.line, fmt::format("the stream {} is there twice", in_quotes(spec.name)));
    }
    m_preset.streams.push_back(std::move(spec));
  }
  if (m_preset.streams.empty()) return;
  const StreamSpec& first = m_preset.streams.front();
  const int line = entry.value.items.front().line;
  put_setting("stream", {first.name}, line);
  put_setting("group", first.groups.empty() ? std::vector<std::string>{} : std::vector{first.groups.front()}, line);
  put_setting("max-length", {std::to_string(first.max_length)}, line);
}

StreamSpec PresetReader::stream(const YamlNode& node) const {
  expect(node, Kind::map, "a stream");
  StreamSpec spec;
  for (const YamlEntry& entry : node.entries) {
    if (entry.key == "name") {
      spec.name = text(entry.value, "name");
    } else if (entry.key == "groups") {
      spec.groups = texts(entry.value, "groups");
    } else if (entry.key == "max-length") {
      spec.max_length = number(entry.value, "max-length");
    } else if (entry.key == "jobs") {
      spec.jobs = texts(entry.value, "jobs");
    } else if (entry.key == "max-lag") {
      spec.limits.lag = number(entry.value, "max-lag");
    } else if (entry.key == "max-pending-age") {
      spec.limits.pending_age = duration(entry.value, "max-pending-age");
    } else if (entry.key == "max-dead") {
      spec.limits.dead = number(entry.value, "max-dead");
    } else {
      refuse_key(entry, " of a stream",
                 {"name", "groups", "max-length", "jobs", "max-lag", "max-pending-age", "max-dead"});
    }
  }
  if (spec.name.empty()) fail(node.line, "a stream has a name");
  return spec;
}

void PresetReader::read_clients(const YamlEntry& entry) {
  m_preset.client_namespaces = texts(entry.value, entry.key);
  put_setting("allow-from", m_preset.client_namespaces, entry.line);
}

void PresetReader::read_holds(const YamlEntry& entry) {
  m_preset.holds = texts(entry.value, entry.key);
  const std::vector<std::string> known(contents.begin(), contents.end());
  for (std::size_t at = 0; at < m_preset.holds.size(); ++at) {
    const std::string& held = m_preset.holds[at];
    if (std::find(known.begin(), known.end(), held) != known.end()) continue;
    fail(entry.value.items[at].line, fmt::format("holds: unknown value {}; known are {}{}", in_quotes(held),
                                                 join(known, ", "), did_you_mean(held, known)));
  }
}

void PresetReader::read_security_context(const YamlEntry& entry) {
  expect(entry.value, Kind::map, entry.key);
  SecurityContext& context = m_preset.security_context;
  for (const YamlEntry& field : entry.value.entries) {
    if (field.key == "runAsUser") {
      context.run_as_user = number(field.value, field.key);
    } else if (field.key == "runAsGroup") {
      context.run_as_group = number(field.value, field.key);
    } else if (field.key == "fsGroup") {
      context.fs_group = number(field.value, field.key);
    } else {
      refuse_key(field, " of a security context", {"runAsUser", "runAsGroup", "fsGroup"});
    }
  }
  if (context.run_as_user == 0) fail(entry.value.line, "runAsUser: Redis does not run as root");
}

void PresetReader::read_pod_labels(const YamlEntry& entry) {
  expect(entry.value, Kind::map, entry.key);
  for (const YamlEntry& pod_label : entry.value.entries)
    m_preset.pod_labels.emplace(pod_label.key, text(pod_label.value, pod_label.key));
}

void PresetReader::read_user(const YamlEntry& entry) {
  expect(entry.value, Kind::map, entry.key);
  UserSpec& user = m_preset.user;
  for (const YamlEntry& field : entry.value.entries) {
    if (field.key == "name") {
      user.name = text(field.value, field.key);
    } else if (field.key == "keys") {
      user.keys = acl_words(field, "");
    } else if (field.key == "channels") {
      user.channels = acl_words(field, "");
    } else if (field.key == "commands") {
      user.commands = acl_words(field, std::string(lower_case) + std::string(decimal_digits) + "-_|@.");
    } else {
      refuse_key(field, " of a user", {"name", "keys", "channels", "commands"});
    }
  }
  if (!is_user_name(user.name)) fail(entry.value.line, fmt::format("user: {}", user_name_rule));
  if (user.commands.empty()) fail(entry.value.line, "user: which commands?");
}

/// Words of an ACL, each of which stands behind its sign; `characters` are those that they have, or "" for any.
std::vector<std::string> PresetReader::acl_words(const YamlEntry& entry, const std::string& characters) const {
  const std::vector<std::string> words = texts(entry.value, entry.key);
  for (std::size_t at = 0; at < words.size(); ++at) {
    const bool plain = words[at].find_first_of(" \t\r\n()") == std::string::npos;
    if (plain && (characters.empty() || consists_of(words[at], characters))) continue;
    fail(entry.value.items[at].line, fmt::format("user: {}: {} is no {}", entry.key, in_quotes(words[at]),
                                                 characters.empty() ? "pattern: it has no space and no parenthesis"
                                                                    : "command: \"get\", \"xinfo|groups\""));
  }
  return words;
}

void PresetReader::read_environment(const YamlEntry& entry) {
  expect(entry.value, Kind::map, entry.key);
  for (const YamlEntry& variable : entry.value.entries) {
    // with dots, as Kubernetes takes them: viper looks for PREFIX_SECTION.KEY
    const std::string characters = fmt::format("{}ABCDEFGHIJKLMNOPQRSTUVWXYZ{}_.", lower_case, decimal_digits);
    const std::string not_first = std::string(decimal_digits) + ".";
    if (!consists_of(variable.key, characters) || not_first.find(variable.key.front()) != std::string::npos) {
      fail(variable.line, fmt::format("{} is not a valid variable name", in_quotes(variable.key)));
    }
    check_template(variable.value, variable.key);
    m_preset.environment.emplace_back(variable.key, variable.value.text);
  }
}

void PresetReader::read_files(const YamlEntry& entry) {
  expect(entry.value, Kind::map, entry.key);
  for (const YamlEntry& file : entry.value.entries) {
    // a key of a Secret
    const std::string characters = fmt::format("{}ABCDEFGHIJKLMNOPQRSTUVWXYZ{}_.-", lower_case, decimal_digits);
    if (!consists_of(file.key, characters) || file.key.starts_with('.')) {
      fail(file.line,
           fmt::format("{} is not a valid file name: letters, digits, -, _ and ., no folder", in_quotes(file.key)));
    }
    check_template(file.value, file.key);
    m_preset.files.emplace_back(file.key, file.value.text);
  }
}

void PresetReader::check_template(const YamlNode& value, const std::string& variable) const {
  const std::string given = value_text(value, variable);
  const std::vector<std::string> known(known_template_names.begin(), known_template_names.end());
  for (std::size_t at = given.find("{{"); at != std::string::npos; at = given.find("{{", at)) {
    const std::size_t end = given.find("}}", at);
    if (end == std::string::npos) fail(value.line, fmt::format("{}: a {{{{ is not closed", variable));
    const std::string_view name = trim(std::string_view(given).substr(at + 2, end - at - 2));
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      fail(value.line, fmt::format("{}: unknown name {}{}", variable, in_quotes(name), did_you_mean(name, known)));
    }
    at = end + 2;
  }
}

void PresetReader::read_smoke(const YamlEntry& entry) {
  expect(entry.value, Kind::list, entry.key);
  for (const YamlNode& item : entry.value.items) m_preset.smoke.push_back(smoke_operation(item));
}

SmokeOperation PresetReader::smoke_operation(const YamlNode& node) const {
  if (!node.is(Kind::map)) return {text(node, "an operation"), {}};
  SmokeOperation operation;
  for (const YamlEntry& entry : node.entries) {
    if (entry.key == "operation") {
      operation.name = text(entry.value, entry.key);
    } else {
      operation.parameters.emplace(entry.key, text(entry.value, entry.key));
    }
  }
  if (operation.name.empty()) fail(node.line, "smoke: which operation?");
  return operation;
}

void PresetReader::read_accepted(const YamlEntry& entry) {
  expect(entry.value, Kind::map, entry.key);
  for (const YamlEntry& warning : entry.value.entries) {
    const std::string reason = text(warning.value, "the reason for accepting " + warning.key);
    m_preset.accepted.emplace(warning.key, AcceptedWarning{reason, fmt::format("{}:{}", m_origin, warning.line)});
  }
}

void PresetReader::put_setting(std::string_view name, std::vector<std::string> values, int line) {
  const auto given = m_preset.settings.find(name);
  if (given != m_preset.settings.end()) {
    fail(line, fmt::format("{} is given twice, also in {}", name, given->second.origin.where));
  }
  if (find_option(m_options, name) == nullptr || values.empty()) return;
  m_preset.settings.emplace(name, Setting{std::move(values), {Source::preset, fmt::format("{}:{}", m_origin, line)}});
}

void PresetReader::expect(const YamlNode& node, Kind kind, std::string_view what) const {
  if (node.is(kind)) return;
  YamlNode wanted;
  wanted.kind = kind;
  fail(node.line, fmt::format("{} is {}, not {}", what, kind_name(wanted), kind_name(node)));
}

std::string PresetReader::value_text(const YamlNode& node, std::string_view what) const {
  expect(node, Kind::scalar, what);
  return node.text;
}

std::string PresetReader::text(const YamlNode& node, std::string_view what) const {
  std::string given = value_text(node, what);
  if (trim(given).empty()) fail(node.line, fmt::format("{} is empty", what));
  return given;
}

std::vector<std::string> PresetReader::texts(const YamlNode& node, std::string_view what) const {
  expect(node, Kind::list, what);
  std::vector<std::string> all;
  for (const YamlNode& item : node.items) {
    std::string given = text(item, what);
    if (std::find(all.begin(), all.end(), given) != all.end())
      fail(item.line, fmt::format("{}: {} is there twice", what, in_quotes(given)));
    all.push_back(std::move(given));
  }
  return all;
}

std::int64_t PresetReader::number(const YamlNode& node, std::string_view what) const {
  const std::string given = value_text(node, what);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), value);
  if (error != std::errc() || end != given.data() + given.size() || value < 0) {
    fail(node.line, fmt::format("{}: {} is not a number of 0 or more", what, in_quotes(given)));
  }
  return value;
}

Duration PresetReader::duration(const YamlNode& node, std::string_view what) const {
  try {
    return parse_duration(value_text(node, what), what);
  } catch (const Error& error) {
    fail(node.line, error.message());
  }
}

void PresetReader::refuse_key(const YamlEntry& entry, std::string_view where,
                              const std::vector<std::string>& known) const {
  fail(entry.line, fmt::format("unknown key {}{}{}", in_quotes(entry.key), where, did_you_mean(entry.key, known)));
}

}  // namespace

std::span<const std::string_view> known_contents() { return contents; }

bool is_user_name(std::string_view name) {
  constexpr std::array taken = {"default"sv, "admin"sv,   "health"sv,   "exporter"sv,
                                "trim"sv,    "replica"sv, "sentinel"sv, "backup"sv};
  constexpr std::size_t longest = 64;
  const std::string characters = fmt::format("{}ABCDEFGHIJKLMNOPQRSTUVWXYZ{}_-.", lower_case, decimal_digits);
  return name.size() <= longest && consists_of(name, characters) &&
         std::find(taken.begin(), taken.end(), name) == taken.end();
}

std::span<const std::string_view> template_names() { return known_template_names; }

Preset parse_preset(std::string_view yaml, const std::string& origin, std::span<const OptionSpec> options) {
  return PresetReader(origin, options).read(parse_yaml_tree(yaml, origin));
}

}  // namespace raibid
