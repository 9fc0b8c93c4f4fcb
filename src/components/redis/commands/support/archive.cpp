#include "components/redis/commands/support/archive.hpp"

#include <zlib.h>

#include <array>
#include <numeric>

#include <fmt/format.h>

#include "base/error.hpp"

namespace raibid {

namespace {

constexpr std::size_t block = 512;
constexpr std::size_t longest_name = 100;

/// One header of IEEE Std 1003.1 (pax, "ustar Interchange Format").
std::string header(const ArchiveFile& file, std::int64_t modified) {
  const std::string& name = file.name;
  const std::size_t size = file.content.size();
  if (name.size() > longest_name)
    throw Error(ExitCode::failure, fmt::format("the name {} is too long for an archive", name));
  std::string text(block, '\0');
  const auto put = [&text](std::size_t at, const std::string& field) { text.replace(at, field.size(), field); };
  put(0, name);
  put(100, fmt::format("{:07o}", file.mode));
  put(108, "0000000");
  put(116, "0000000");
  put(124, fmt::format("{:011o}", size));
  put(136, fmt::format("{:011o}", modified));
  put(148, "        ");  // the checksum counts as blanks in itself
  put(156, "0");
  put(257, "ustar");
  put(263, "00");
  const unsigned sum = std::accumulate(text.begin(), text.end(), 0U,
                                       [](unsigned total, char c) { return total + static_cast<unsigned char>(c); });
  put(148, fmt::format("{:06o}", sum) + std::string(1, '\0') + " ");
  return text;
}

std::string gzipped(std::string text) {
  constexpr int gzip_only = 16 + MAX_WBITS;
  constexpr int memory_level = 8;  // zlib's default
  z_stream stream{};
  if (::deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip_only, memory_level, Z_DEFAULT_STRATEGY) != Z_OK)
    throw Error(ExitCode::failure, "the archive cannot be packed: no memory");
  std::string packed(::deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(text.data());
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int result = ::deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  ::deflateEnd(&stream);
  if (result != Z_STREAM_END) throw Error(ExitCode::failure, "the archive cannot be packed");
  return packed;
}

}  // namespace

std::string tar_gz(const std::vector<ArchiveFile>& files, std::chrono::system_clock::time_point modified) {
  const std::int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(modified.time_since_epoch()).count();
  std::string archive;
  for (const ArchiveFile& file : files) {
    archive += header(file, seconds) + file.content;
    archive.append((block - file.content.size() % block) % block, '\0');
  }
  archive.append(2 * block, '\0');
  return gzipped(std::move(archive));
}

}  // namespace raibid
