#include "components/redis/commands/support/archive.hpp"

#include <array>
#include <numeric>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/gzip.hpp"
#include "sys/clock.hpp"

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

}  // namespace

std::string tar_gz(const std::vector<ArchiveFile>& files, std::chrono::system_clock::time_point modified) {
  const std::int64_t seconds = unix_seconds(modified);
  std::string archive;
  for (const ArchiveFile& file : files) {
    archive += header(file, seconds) + file.content;
    archive.append((block - file.content.size() % block) % block, '\0');
  }
  archive.append(2 * block, '\0');
  return gzip(std::move(archive));
}

}  // namespace raibid
