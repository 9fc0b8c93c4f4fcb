#include "tools/helm_record.hpp"

#include <zlib.h>

#include <nlohmann/json.hpp>

#include <array>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/gzip.hpp"
#include "base/json.hpp"
#include "base/json_depth.hpp"
#include "base/json_members.hpp"
#include "base/strings.hpp"

namespace raibid {

namespace {

using nlohmann::json;

constexpr const char* record_type = "helm.sh/release.v1";
constexpr std::size_t largest_record = std::size_t{64} << 20;
constexpr std::size_t piece_size = std::size_t{64} << 10;
constexpr int gzip_only = 16 + MAX_WBITS;  // zlib.h, inflateInit2

[[noreturn]] void damaged(const std::string& name, const std::string& why) {
  throw Error(ExitCode::failure, fmt::format("Helm's record {} cannot be read: {}", printable(name), why),
              "check whether helm can read it: helm get manifest");
}

/// Owns a z_stream.
class Inflater {
 public:
  Inflater() : m_ready(::inflateInit2(&m_stream, gzip_only) == Z_OK) {}
  ~Inflater() {
    if (m_ready) ::inflateEnd(&m_stream);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// std::nullopt when `bytes` are not one complete gzip file of at most `largest_record`.
  std::optional<std::string> inflate(std::string bytes) {
    if (!m_ready) return std::nullopt;
    m_stream.next_in = reinterpret_cast<Bytef*>(bytes.data());
    m_stream.avail_in = static_cast<uInt>(bytes.size());
    std::string text;
    std::array<char, piece_size> piece{};
    for (int result = Z_OK; result != Z_STREAM_END;) {
      m_stream.next_out = reinterpret_cast<Bytef*>(piece.data());
      m_stream.avail_out = static_cast<uInt>(piece.size());
      result = ::inflate(&m_stream, Z_NO_FLUSH);
      if (result != Z_OK && result != Z_STREAM_END) return std::nullopt;
      text.append(piece.data(), piece.size() - m_stream.avail_out);
      if (text.size() > largest_record) return std::nullopt;
    }
    return text;
  }

 private:
  z_stream m_stream{};
  bool m_ready;
};

/// The text of the record inside Helm's Secret.
std::string text_in(const json& secret, const std::string& name) {
  const std::string stored = secret.value("/data/release"_json_pointer, "");
  std::optional<std::string> text;
  try {
    text = Inflater().inflate(base64_decode(base64_decode(stored)));
  } catch (const Error&) {
    damaged(name, "it is not base64");
  }
  if (!text) damaged(name, "it is not gzipped");
  return std::move(*text);
}

std::string name_of(const json& secret) { return secret.value("/metadata/name"_json_pointer, ""); }

/// All of the record.
json record_in(const json& secret) {
  const std::string name = name_of(secret);
  const std::string text = text_in(secret, name);
  if (nested_too_deeply(text)) damaged(name, "it is nested too deeply");
  json record = try_parse_json(text);
  if (!record.is_object() || !record.contains("manifest") || !record["manifest"].is_string())
    damaged(name, "it is not a release");
  return record;
}

/// A string or a number of the record; others are passed over, so that nothing is parsed that could be nested.
json plain_value(std::string_view text) {
  const bool is_plain = !text.empty() && text.front() != '{' && text.front() != '[';
  return is_plain ? try_parse_json(text) : json();
}

}  // namespace

std::optional<HelmRecord> read_helm_record(const json& secret) {
  if (!secret.is_object() || secret.value("type", "") != record_type) return std::nullopt;
  const std::string name = name_of(secret);
  const std::string text = text_in(secret, name);
  // most of it is the chart, which takes longer to parse than all the rest of a status
  const auto members = json_members(text);
  const auto value = [&](std::string_view member) {
    const auto found = members->find(member);
    return found == members->end() ? json() : plain_value(found->second);
  };
  const json version = members ? value("version") : json();
  const json manifest = members ? value("manifest") : json();
  if (!version.is_number_integer() || !manifest.is_string()) damaged(name, "it is not a release");
  const auto text_of = [&](std::string_view member) {
    const json found = value(member);
    return found.is_string() ? found.get<std::string>() : std::string();
  };
  return HelmRecord{text_of("name"), text_of("namespace"), version.get<int>(), manifest.get<std::string>()};
}

json with_manifest(json secret, const std::string& manifest) {
  json record = record_in(secret);
  record["manifest"] = manifest;
  const std::string packed = gzip(json_text(record));
  secret["data"]["release"] = base64_encode(base64_encode(packed));
  return secret;
}

}  // namespace raibid
