#include "components/redis/commands/support/redactor.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <regex>

#include <fmt/format.h>

#include "base/strings.hpp"

namespace raibid {

namespace {

constexpr std::size_t shortest = 2;

bool is_word_character(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

bool is_secret(const std::string& kind) { return kind == "secret"; }

/// What everyone knows, and what says where something listens and not who has it.
bool is_public(const std::string& value) {
  return value == "127.0.0.1" || value == "0.0.0.0" || value == "255.255.255.255" || value == "docker.io" ||
         value == "ghcr.io" || value == "quay.io" || value == "registry.k8s.io";
}

/// Each number of an IPv4 address fits into a byte: a version of four numbers often does, too, and is replaced with it.
bool is_address(const std::string& text) {
  const std::vector<std::string> parts = split(text, '.');
  return std::all_of(parts.begin(), parts.end(), [](const std::string& part) { return std::stoi(part) <= 255; });
}

struct Pattern {
  const char* kind;
  std::regex expression;
  bool (*fits)(const std::string& text);
};

const std::vector<Pattern>& patterns() {
  static const std::vector<Pattern> all = {
      // of a password, as ACL files have it
      {"hash", std::regex("\\b[0-9a-f]{64}\\b"), nullptr},
      {"ip", std::regex("\\b[0-9]{1,3}(\\.[0-9]{1,3}){3}\\b"), is_address},
      {"ip", std::regex("\\b([0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F]{1,4}\\b"), nullptr},
      {"ip", std::regex("\\b[0-9a-fA-F]{1,4}(:[0-9a-fA-F]{1,4})*::([0-9a-fA-F]{1,4}(:[0-9a-fA-F]{1,4})*)?"), nullptr},
      // "registry.example.com:5000" of "registry.example.com:5000/team/redis:7"
      {"registry",
       std::regex("\\b[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9-]+)+(:[0-9]+)?(?=/[a-z0-9._/-]+[:@][A-Za-z0-9])"),
       nullptr},
  };
  return all;
}

}  // namespace

void Redactor::add(const std::string& kind, const std::string& value) {
  if (value.size() < shortest || m_values.contains(value)) return;
  word_for(kind, value);
  m_order.push_back(value);
  std::stable_sort(m_order.begin(), m_order.end(),
                   [](const std::string& left, const std::string& right) { return left.size() > right.size(); });
}

std::string Redactor::word_for(const std::string& kind, const std::string& value) {
  const auto known = m_values.find(value);
  if (known != m_values.end()) return known->second.word;
  const std::string word = fmt::format("<{}-{}>", kind, ++m_numbers[kind]);
  m_values[value] = {kind, word};
  return word;
}

std::string Redactor::replace_added(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const std::string* found = nullptr;
    for (const std::string& value : m_order) {
      if (text.substr(at, value.size()) != value) continue;
      const std::size_t end = at + value.size();
      const bool alone =
          (at == 0 || !is_word_character(text[at - 1])) && (end == text.size() || !is_word_character(text[end]));
      if (!alone && !is_secret(m_values.at(value).kind)) continue;
      found = &value;
      break;
    }
    if (found == nullptr) {
      result += text[at++];
      continue;
    }
    const Value& value = m_values.at(*found);
    ++m_places[value.kind];
    result += value.word;
    at += found->size();
  }
  return result;
}

std::string Redactor::replace_patterns(const std::string& text) {
  std::string rest = text;
  for (const auto& [kind, expression, fits] : patterns()) {
    std::string result;
    auto from = rest.cbegin();
    for (std::sregex_iterator match(rest.begin(), rest.end(), expression), end; match != end; ++match) {
      const std::string value = match->str();
      result.append(from, rest.cbegin() + match->position());
      from = rest.cbegin() + match->position() + match->length();
      if (is_public(value) || (fits != nullptr && !fits(value))) {
        result += value;
        continue;
      }
      result += word_for(kind, value);
      ++m_places[kind];
    }
    result.append(from, rest.cend());
    rest = std::move(result);
  }
  return rest;
}

std::string Redactor::redact(std::string_view text) {
  std::vector<std::string> lines = split(std::string(text), '\n');
  // line by line: std::regex recurses for each character
  for (std::string& line : lines) line = replace_patterns(replace_added(line));
  return join(lines, "\n");
}

std::string Redactor::account() const {
  std::string text;
  for (const auto& [kind, places] : m_places) {
    const auto count = static_cast<std::int64_t>(std::count_if(
        m_values.begin(), m_values.end(), [&kind = kind](const auto& one) { return one.second.kind == kind; }));
    text += fmt::format("{}: {}, {}\n", kind, counted(count, "value", "values"),
                        counted(static_cast<std::int64_t>(places), "place", "places"));
  }
  return text.empty() ? "nothing was replaced\n" : text;
}

}  // namespace raibid
