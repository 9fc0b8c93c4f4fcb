#include "components/redis/server/job_lines.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "base/utf8.hpp"

namespace raibid {

namespace {

constexpr std::size_t most_fields = 1000;  // a script takes them from the stack

[[noreturn]] void refuse(const std::string& what) { throw Error(ExitCode::usage, what); }

/// Takes an object of JSON apart, one level deep, without building anything of it.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : m_text(text) {}

  void skip_blanks() {
    while (m_at < m_text.size() && std::strchr(" \t\r\n", m_text[m_at]) != nullptr && m_text[m_at] != 0) ++m_at;
  }
  char peek() {
    skip_blanks();
    return m_at < m_text.size() ? m_text[m_at] : '\0';
  }
  bool take(char expected) {
    if (peek() != expected) return false;
    ++m_at;
    return true;
  }
  void expect(char expected, const char* where) {
    if (!take(expected)) refuse(fmt::format("not a JSON object: '{}' is missing {}", expected, where));
  }
  void expect_end() {
    if (peek() != '\0' || m_at < m_text.size()) refuse("not a JSON object: something follows it");
  }

  void take_string(std::string& out) {
    out.clear();
    expect('"', "before a text");
    for (;;) {
      const std::size_t start = m_at;
      while (m_at < m_text.size() && m_text[m_at] != '"' && m_text[m_at] != '\\' &&
             static_cast<unsigned char>(m_text[m_at]) >= 0x20)
        ++m_at;
      out.append(m_text, start, m_at - start);
      if (m_at >= m_text.size()) refuse("not a JSON object: a text has no end");
      const char c = m_text[m_at++];
      if (c == '"') return;
      if (c != '\\') refuse("not a JSON object: a control character in a text");
      take_escape(out);
    }
  }

  /// A value as it stands there: number, true, false, object, array. Checked.
  std::string_view take_raw() {
    const char first = peek();
    const std::size_t start = m_at;
    if (first == '{' || first == '[') {
      skip_nested();
    } else {
      while (m_at < m_text.size() && std::strchr(",}] \t\r\n", m_text[m_at]) == nullptr) ++m_at;
    }
    const std::string_view raw = m_text.substr(start, m_at - start);
    if (raw == "null") refuse("null is not a value that a field can have");
    if (!nlohmann::json::accept(raw)) refuse(fmt::format("not JSON: {}", in_quotes(raw)));
    return raw;
  }

 private:
  void take_escape(std::string& out) {
    const char c = m_at < m_text.size() ? m_text[m_at++] : '\0';
    static constexpr std::string_view signs = "\"\\/bfnrt";
    static constexpr std::string_view meant = "\"\\/\b\f\n\r\t";
    if (const std::size_t known = c == '\0' ? std::string_view::npos : signs.find(c); known != std::string_view::npos) {
      out += meant[known];
      return;
    }
    if (c != 'u') refuse("not JSON: an unknown escape in a text");
    char32_t point = take_hex();
    if (point >= 0xDC00 && point < 0xE000) refuse("not JSON: half of a surrogate pair");
    if (point >= 0xD800 && point < 0xDC00) {
      const bool more = m_text.substr(m_at, 2) == "\\u";
      m_at += 2;
      const char32_t low = more ? take_hex() : 0;
      if (low < 0xDC00 || low >= 0xE000) refuse("not JSON: half of a surrogate pair");
      point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(out, point);
  }

  char32_t take_hex() {
    char32_t value = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = m_at < m_text.size() ? m_text[m_at++] : '\0';
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) refuse("not JSON: \\u needs four hexadecimal digits");
      value = value * 16 + static_cast<char32_t>(digit);
    }
    return value;
  }

  void skip_nested() {
    int depth = 0;
    bool in_text = false;
    for (; m_at < m_text.size(); ++m_at) {
      const char c = m_text[m_at];
      if (in_text) {
        if (c == '\\') ++m_at;
        if (c == '"') in_text = false;
      } else if (c == '"') {
        in_text = true;
      } else if (c == '{' || c == '[') {
        ++depth;
      } else if ((c == '}' || c == ']') && --depth == 0) {
        ++m_at;
        return;
      }
    }
    m_at = m_text.size();
    refuse("not JSON: an object or array has no end");
  }

  std::string_view m_text;
  std::size_t m_at = 0;
};

/// Reads "name": value pairs into `fields`, whose strings are used again.
void take_fields(Scanner& scanner, std::vector<std::pair<std::string, std::string>>& fields) {
  std::size_t count = 0;
  scanner.expect('{', "at the beginning");
  if (!scanner.take('}')) {
    do {
      if (count == most_fields) refuse(fmt::format("more than {} fields", most_fields));
      if (count == fields.size()) fields.emplace_back();
      auto& [name, value] = fields[count];
      scanner.take_string(name);
      for (std::size_t i = 0; i < count; ++i) {
        if (fields[i].first == name) refuse(fmt::format("field {} is there twice", in_quotes(name)));
      }
      scanner.expect(':', "behind a name");
      if (scanner.peek() == '"') {
        scanner.take_string(value);
      } else {
        value = scanner.take_raw();
      }
      ++count;
    } while (scanner.take(','));
    scanner.expect('}', "at the end");
  }
  fields.resize(count);
  if (count == 0) refuse("a job needs at least one field");
}

void take_base64(Scanner& scanner, StreamEntry& entry) {
  std::vector<std::string> words;
  scanner.expect('[', "before the words");
  do {
    std::string word;
    scanner.take_string(word);
    try {
      words.push_back(base64_decode(word));
    } catch (const Error&) {
      refuse("not base64: " + in_quotes(word));
    }
  } while (scanner.take(','));
  scanner.expect(']', "behind the words");
  if (words.size() % 2 != 0) refuse("a field without its value");
  for (std::size_t i = 0; i < words.size(); i += 2) entry.fields.emplace_back(words[i], words[i + 1]);
}

void expect_utf8(std::string_view line) {
  if (!is_utf8(line)) refuse("not JSON: bytes that are not UTF-8");
}

bool names_repeat(const StreamEntry& entry) {
  for (std::size_t i = 0; i < entry.fields.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (entry.fields[i].first == entry.fields[j].first) return true;
    }
  }
  return false;
}

bool is_json_object(const std::string& text) {
  const std::string_view trimmed = trim(text);
  return trimmed.starts_with("{") && nlohmann::json::accept(trimmed);
}

}  // namespace

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      ++at;
      continue;
    }
    const CodePoint point = decode_utf8(text, at);
    if (!point.valid) return false;
    at += point.length;
  }
  return true;
}

void parse_job_line(std::string_view line, StreamEntry& job) {
  expect_utf8(line);
  Scanner scanner(line);
  take_fields(scanner, job.fields);
  scanner.expect_end();
  job.id = "*";
}

void parse_export_line(std::string_view line, StreamEntry& entry) {
  expect_utf8(line);
  Scanner scanner(line);
  entry.id.clear();
  bool has_fields = false;
  scanner.expect('{', "at the beginning");
  do {
    std::string key;
    scanner.take_string(key);
    scanner.expect(':', "behind a name");
    if (key == "id") {
      scanner.take_string(entry.id);
    } else if (key == "fields" && !has_fields) {
      take_fields(scanner, entry.fields);
      has_fields = true;
    } else if (key == "base64" && !has_fields) {
      entry.fields.clear();
      take_base64(scanner, entry);
      has_fields = true;
    } else {
      refuse(fmt::format("{} is not part of an exported job", in_quotes(key)));
    }
  } while (scanner.take(','));
  scanner.expect('}', "at the end");
  scanner.expect_end();
  if (!has_fields || !parse_stream_id(entry.id)) refuse("an exported job has an id, and fields or base64");
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t start = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, start, at - start);
    start = at + 1;
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else {
      out += "\\u00";
      out += "0123456789abcdef"[c >> 4];
      out += "0123456789abcdef"[c & 15];
    }
  }
  out.append(text, start);
  out += '"';
}

void append_export_line(std::string& out, const StreamEntry& entry) {
  out += "{\"id\":\"";
  out += entry.id;
  const bool plain = std::all_of(entry.fields.begin(), entry.fields.end(),
                                 [](const auto& field) { return is_utf8(field.first) && is_utf8(field.second); }) &&
                     !names_repeat(entry);
  out += plain ? "\",\"fields\":{" : "\",\"base64\":[";
  bool first = true;
  for (const auto& [name, value] : entry.fields) {
    if (!first) out += ',';
    first = false;
    append_json_string(out, plain ? name : base64_encode(name));
    out += plain ? ':' : ',';
    append_json_string(out, plain ? value : base64_encode(value));
  }
  out += plain ? "}}\n" : "]}\n";
}

JobForms::JobForms(const std::vector<std::string>& forms) {
  for (const std::string& form : forms) {
    std::vector<Field> fields;
    for (const std::string& word : split(form, ' ')) {
      if (word.empty()) continue;
      const bool object = word.ends_with("={}");
      fields.push_back({object ? word.substr(0, word.size() - 3) : word, object});
    }
    m_forms.push_back(std::move(fields));
  }
}

std::string JobForms::problem(const StreamEntry& job) const {
  std::string why;
  for (const std::vector<Field>& form : m_forms) {
    std::string wrong;
    bool any = false;
    for (const Field& field : form) {
      const std::string* value = job.field(field.name);
      any |= value != nullptr;
      if (!wrong.empty()) continue;
      if (value == nullptr) {
        wrong = fmt::format("field {} is missing", field.name);
      } else if (field.object && !is_json_object(*value)) {
        wrong = fmt::format("field {} is not a JSON object", field.name);
      }
    }
    if (wrong.empty()) return "";
    // of the form that is meant, the one with a field in common
    if (why.empty() || any) why = wrong;
  }
  return why;
}

std::string JobForms::text() const {
  std::vector<std::string> forms;
  for (const std::vector<Field>& form : m_forms) {
    std::vector<std::string> names;
    for (const Field& field : form) names.push_back(field.name + (field.object ? " (a JSON object)" : ""));
    forms.push_back(join(names, ", "));
  }
  return join(forms, "; or ");
}

}  // namespace raibid
