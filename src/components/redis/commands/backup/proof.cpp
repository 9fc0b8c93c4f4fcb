#include "components/redis/commands/backup/proof.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "components/redis/place/local/scratch_server.hpp"
#include "components/redis/server/backup_manifest.hpp"
#include "sys/new_file.hpp"

namespace raibid {

Proof prove_file(Context& context, const fs::path& file, std::int64_t memory) {
  Proof proof;
  const auto server = find_scratch_server(context);
  if (!server) {
    proof.why_not = "there is no redis-server on this machine";
    return proof;
  }
  const long long available = available_memory();
  if (available >= 0 && memory > available) {
    proof.why_not = fmt::format("the data take {} in Redis, and this machine has {} free", format_bytes(memory),
                                format_bytes(available));
    return proof;
  }
  try {
    ScratchServer scratch(context, server->program, file);
    proof.counts = count_all(scratch.redis());
  } catch (const Error& error) {
    if (error.code() != ExitCode::preflight) throw;
    proof.too_new = true;
    proof.why_not = error.message();
    return proof;
  }
  proof.loaded = true;
  proof.with = server->text();
  return proof;
}

int rdb_version_of(const fs::path& file) {
  std::string first;
  struct Enough {};
  try {
    read_in_pieces(file, [&first](std::string_view bytes) {
      first += bytes.substr(0, 16);
      if (first.size() >= 9) throw Enough{};
    });
  } catch (const Enough&) {
  }
  const int version = rdb_version(first);
  if (version == 0)
    throw Error(ExitCode::failure, fmt::format("{} is not an RDB file", file.string()),
                "a backup begins with REDIS and a number");
  return version;
}

}  // namespace raibid
