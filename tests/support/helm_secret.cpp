#include "support/helm_secret.hpp"

#include <zlib.h>

#include <stdexcept>

#include "base/strings.hpp"

namespace raibid::test {

namespace {

std::string gzip(std::string text) {
  constexpr int gzip_format = 16 + MAX_WBITS;
  constexpr int memory_level = 8;  // zlib's default
  z_stream stream{};
  if (::deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, gzip_format, memory_level, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("zlib");
  std::string packed(::deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(text.data());
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int result = ::deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  ::deflateEnd(&stream);
  if (result != Z_STREAM_END) throw std::runtime_error("zlib");
  return packed;
}

}  // namespace

nlohmann::json helm_secret(const std::string& release, const std::string& name_space, int revision,
                           const std::string& manifest) {
  const nlohmann::json record = {
      {"name", release}, {"namespace", name_space}, {"version", revision}, {"manifest", manifest}};
  return {{"apiVersion", "v1"},
          {"kind", "Secret"},
          {"type", "helm.sh/release.v1"},
          {"metadata",
           {{"name", "sh.helm.release.v1." + release + ".v" + std::to_string(revision)},
            {"namespace", name_space},
            {"labels", {{"status", "deployed"}}}}},
          {"data", {{"release", base64_encode(base64_encode(gzip(record.dump())))}}}};
}

}  // namespace raibid::test
