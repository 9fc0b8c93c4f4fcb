#include "components/redis/run/home_lock.hpp"

#include <optional>

#include <fmt/format.h>

#include "base/error.hpp"
#include "sys/locked_log.hpp"
#include "sys/process.hpp"

namespace raibid {

HomeLock::~HomeLock() {
  try {
    m_file.remove();
  } catch (const Error&) {
    // it has nothing in it: the next run takes it as it is
  }
}

std::shared_ptr<HomeLock> lock_home(Context& context, const std::string& name) {
  constexpr Duration pause = std::chrono::milliseconds(5);
  const fs::path path = context.paths.home / name;
  context.guard.check("lock " + path.string());
  for (;;) {
    if (std::optional<LockedLog> file = LockedLog::open(path)) return std::make_shared<HomeLock>(std::move(*file));
    if (context.runner.now() >= context.deadline) {
      throw Error(ExitCode::failure, fmt::format("another raibid-cli holds {}", path.string()),
                  fmt::format("it is held for moments only; see what it waits for: fuser -v {}", path.string()));
    }
    context.runner.wait({}, context.runner.now() + pause);
  }
}

}  // namespace raibid
