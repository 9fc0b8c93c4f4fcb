#include "components/redis/place/restore.hpp"

#include <fmt/format.h>

#include <vector>

#include "base/error.hpp"
#include "base/strings.hpp"

namespace raibid {

namespace {

std::string base_file(const std::string& base) { return base + ".1.base.rdb"; }

}  // namespace

std::string DataFiles::rdb() const { return has_folder() ? folder + "/" + base_file(base) : name(); }

std::string damaged_backup(const std::filesystem::path& file) {
  return fmt::format("{} is damaged: it is not the file that its manifest describes", file.string());
}

std::string compare_counts(const RestorePlan& plan, RedisConnection& redis) {
  const DataCounts seen = count_all(redis);
  const auto missing = plan.counted ? missing_data(plan.counts, seen) : std::vector<std::string>{};
  if (!missing.empty())
    throw Error(ExitCode::failure, "Redis does not hold what the backup has: " + join(missing, "; "));
  return seen.text();
}

std::string aof_manifest(const std::string& base) { return fmt::format("file {} seq 1 type b\n", base_file(base)); }

}  // namespace raibid
