#include "components/redis/place/restore.hpp"

#include <fmt/format.h>

namespace raibid {

namespace {

std::string base_file(const std::string& base) { return base + ".1.base.rdb"; }

}  // namespace

std::string DataFiles::rdb() const { return has_folder() ? folder + "/" + base_file(base) : name(); }

std::string aof_manifest(const std::string& base) { return fmt::format("file {} seq 1 type b\n", base_file(base)); }

}  // namespace raibid
