#include "components/redis/settings/redis_conf.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "base/characters.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"

namespace raibid {

namespace {

using namespace std::string_view_literals;

constexpr std::array password_directives{"requirepass"sv, "masterauth"sv,        "masteruser"sv,
                                         "user"sv,        "tls-key-file-pass"sv, "tls-client-key-file-pass"sv};
constexpr std::array own_directives{
    "port"sv, "bind"sv, "dir"sv, "aclfile"sv, "daemonize"sv, "pidfile"sv, "logfile"sv, "supervised"sv, "unixsocket"sv,
    "unixsocketperm"sv, "protected-mode"sv, "include"sv,
    // --tls and its like say these
    "tls-port"sv, "tls-cert-file"sv, "tls-key-file"sv, "tls-ca-cert-file"sv, "tls-ca-cert-dir"sv, "tls-auth-clients"sv,
    "tls-protocols"sv, "tls-client-cert-file"sv, "tls-client-key-file"sv, "tls-replication"sv, "tls-cluster"sv};

/// Lines of a whole redis.conf that no running server is compared with.
constexpr std::array start_directives{"daemonize"sv,  "pidfile"sv, "logfile"sv,    "dir"sv,           "aclfile"sv,
                                      "supervised"sv, "include"sv, "unixsocket"sv, "unixsocketperm"sv};

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// What follows a backslash inside "…"; leaves `at` on its last character.
char unescape(std::string_view text, std::size_t& at) {
  if (text[at] == 'x' && at + 2 < text.size() && hex_digit(text[at + 1]) >= 0 && hex_digit(text[at + 2]) >= 0) {
    at += 2;
    return static_cast<char>(hex_digit(text[at - 1]) * 16 + hex_digit(text[at]));
  }
  switch (text[at]) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return text[at];
  }
}

/// Reads a quoted part that begins at `at`; false when it is not closed or goes on right behind its end.
bool read_quoted(std::string_view text, std::size_t& at, std::string& word) {
  const char quote = text[at++];
  for (; at < text.size(); ++at) {
    if (text[at] == quote) {
      ++at;
      return at == text.size() || is_space(text[at]);
    }
    if (quote == '"' && text[at] == '\\' && at + 1 < text.size()) {
      word += unescape(text, ++at);
    } else if (quote == '\'' && text.substr(at, 2) == "\\'") {
      word += text[++at];
    } else {
      word += text[at];
    }
  }
  return false;
}

bool is_directive_name(std::string_view name) {
  return !name.empty() &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_lower_or_digit(c) || c == '-' || c == '_'; });
}

bool is_word_character(char c) { return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '-' || c == '_'; }

}  // namespace

std::string conf_word(const std::string& text) {
  const bool plain = !text.empty() && text.find_first_of(" \t\r\n\"'\\#") == std::string::npos;
  if (plain) return text;
  std::string word = "\"";
  for (const char c : text) {
    if (c == '\n') {
      word += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') word += '\\';
    word += c;
  }
  return word + '"';
}

std::string redis_conf(const Directives& directives) {
  std::string text;
  for (const auto& [name, value] : directives) {
    text += fmt::format("{} {}\n", name, value.empty() ? "\"\"" : value);
  }
  return text;
}

Directives parse_redis_conf(std::string_view text) {
  Directives directives;
  for (const std::string& line : split(text, '\n')) {
    const std::string_view row = trim(line);
    if (row.empty() || row.front() == '#') continue;
    const std::size_t end = std::min(row.find_first_of(" \t"), row.size());
    std::string name = to_lower(row.substr(0, end));
    if (std::find(start_directives.begin(), start_directives.end(), name) != start_directives.end()) continue;
    directives.emplace_back(std::move(name), trim(row.substr(end)));
  }
  return directives;
}

std::optional<std::vector<std::string>> redis_words(std::string_view value) {
  std::vector<std::string> words;
  std::size_t at = 0;
  while (true) {
    while (at < value.size() && is_space(value[at])) ++at;
    if (at == value.size()) return words;
    std::string word;
    while (at < value.size() && !is_space(value[at])) {
      if (value[at] != '"' && value[at] != '\'') {
        word += value[at++];
      } else if (!read_quoted(value, at, word)) {
        return std::nullopt;
      }
    }
    words.push_back(std::move(word));
  }
}

std::optional<std::int64_t> parse_redis_memory(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  const std::string unit = to_lower(text.substr(static_cast<std::size_t>(end - text.data())));
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 8> units{{{"", 1},
                                                                             {"b", 1},
                                                                             {"k", 1000},
                                                                             {"kb", 1024},
                                                                             {"m", 1000 * 1000},
                                                                             {"mb", 1024 * 1024},
                                                                             {"g", 1000 * 1000 * 1000},
                                                                             {"gb", 1024 * 1024 * 1024}}};
  const auto found = std::find_if(units.begin(), units.end(), [&](const auto& row) { return row.first == unit; });
  if (found == units.end()) return std::nullopt;
  if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / found->second)
    return std::nullopt;
  return static_cast<std::int64_t>(number * found->second);
}

void check_directives(const Directives& directives, const std::string& origin) {
  for (const auto& [name, value] : directives) {
    const std::string what = fmt::format("{}: redis.{}", origin, printable(name));
    if (!is_directive_name(name)) {
      throw Error(ExitCode::usage, what + ": not the name of a redis.conf directive",
                  "names are lower case: maxmemory-policy");
    }
    if (std::find(password_directives.begin(), password_directives.end(), name) != password_directives.end()) {
      throw Error(ExitCode::usage,
                  what + ": users and passwords do not belong into redis.conf, which ends up in a ConfigMap",
                  "use --password-file, or let setup make a password");
    }
    if (std::find(own_directives.begin(), own_directives.end(), name) != own_directives.end()) {
      throw Error(ExitCode::usage, what + ": raibid-cli sets this directive itself", "remove the line");
    }
    if (std::any_of(value.begin(), value.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; })) {
      throw Error(ExitCode::usage, what + ": the value holds a control character", "one directive is one line");
    }
    if (value.find("{{") != std::string::npos) {
      throw Error(ExitCode::usage, what + ": the value holds {{, which charts read as a template", "write it without");
    }
    if (!redis_words(value)) {
      throw Error(ExitCode::usage, what + ": unbalanced quotes", "Redis reads \"…\" and '…' as a shell does");
    }
  }
}

bool sets_password(std::string_view text) {
  const std::string lower = to_lower(text);
  for (const std::string_view word : {"requirepass"sv, "masterauth"sv}) {
    for (std::size_t at = lower.find(word); at != std::string::npos; at = lower.find(word, at + 1)) {
      std::size_t start = at;
      while (start > 0 && (lower[start - 1] == '-' || lower[start - 1] == '"' || lower[start - 1] == '\'')) --start;
      const std::size_t line = lower.rfind('\n', at) == std::string::npos ? 0 : lower.rfind('\n', at) + 1;
      const bool begins_line = trim(std::string_view(lower).substr(line, start - line)).empty();
      const bool is_flag = at - start >= 2 && lower.compare(at - 2, 2, "--") == 0;
      const std::size_t end = at + word.size();
      if ((begins_line || is_flag) && (end == lower.size() || !is_word_character(lower[end]))) return true;
    }
  }
  return false;
}

}  // namespace raibid
