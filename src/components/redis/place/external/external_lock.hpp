#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "components/context.hpp"
#include "plan/executor.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// "setup redis of 2026-01-31T09:08:07Z (pid 4711 on box, run 0123456789abcdef)".
std::string lock_holder(const Context& context, const std::string& operation, const std::string& run);

/// Keeps two runs of different machines apart that change the same external Redis: the key raibid:lock:<release> with
/// the holder's name, which runs out by itself (SET NX PX). The journal does so only for runs that share a RAIBID_HOME.
class ExternalLock {
 public:
  using Redis = std::function<RedisConnection&()>;
  ExternalLock(Context& context, const std::string& release, std::string holder, Redis redis);
  /// Gives it up, if it is still ours; what fails then runs out by itself.
  ~ExternalLock();
  ExternalLock(const ExternalLock&) = delete;
  ExternalLock& operator=(const ExternalLock&) = delete;

  /// Waits while another run has it: a killed one has it no longer than half a minute. Goes on without it, and says so
  /// with -v, where this user may not write that key. Throws Error (preflight) that names the holder.
  void acquire();
  /// Renews it; who has it now, when it is not ours any more.
  std::optional<Error> taken_over();

 private:
  Error held_by(const std::string& holder) const;

  Context& m_context;
  std::string m_key;
  std::string m_holder;
  Redis m_redis;
  bool m_held = false;
};

}  // namespace raibid
