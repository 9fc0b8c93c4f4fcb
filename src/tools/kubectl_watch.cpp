#include "base/error.hpp"
#include "base/json.hpp"
#include "base/json_depth.hpp"
#include "base/strings.hpp"
#include "tools/kubectl.hpp"

#include <nlohmann/json.hpp>

#include <cctype>

namespace raibid {

namespace {

constexpr std::size_t largest_document = 16u << 20;

constexpr std::string_view too_large = "more than 16 MiB in one document";

[[noreturn]] void refuse(std::string_view what, std::string_view text) {
  throw Error(ExitCode::failure, "kubectl's watch says " + std::string(what) + ": " + printable(text.substr(0, 80)));
}

}  // namespace

std::vector<nlohmann::json> WatchParser::take(std::string& buffer) {
  std::vector<nlohmann::json> documents;
  std::size_t begin = 0;  // of the document that is being read
  for (; m_scanned < buffer.size(); ++m_scanned) {
    const char c = buffer[m_scanned];
    if (m_in_string) {
      if (m_escaped) {
        m_escaped = false;
      } else if (c == '\\') {
        m_escaped = true;
      } else if (c == '"') {
        m_in_string = false;
      }
    } else if (m_depth == 0) {
      begin = m_scanned;
      if (c == '{') {
        m_depth = 1;
      } else if (std::isspace(static_cast<unsigned char>(c)) == 0) {
        refuse("something that is not a JSON object", std::string_view(buffer).substr(m_scanned));
      }
    } else if (c == '"') {
      m_in_string = true;
    } else if (c == '{' || c == '[') {
      ++m_depth;
    } else if ((c == '}' || c == ']') && --m_depth == 0) {
      const std::string_view text = std::string_view(buffer).substr(begin, m_scanned + 1 - begin);
      if (text.size() > largest_document) refuse(too_large, text);
      if (nested_too_deeply(text)) refuse("something nested too deeply", text);
      documents.push_back(try_parse_json(text));
      if (documents.back().is_discarded()) refuse("broken JSON", text);
      begin = m_scanned + 1;
    }
  }
  buffer.erase(0, m_depth == 0 ? m_scanned : begin);
  m_scanned = buffer.size();
  if (buffer.size() > largest_document) refuse(too_large, buffer);
  return documents;
}

}  // namespace raibid
