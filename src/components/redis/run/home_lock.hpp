#pragma once

#include <memory>
#include <string>

#include "components/context.hpp"
#include "sys/files.hpp"
#include "sys/locked_log.hpp"

namespace raibid {

/// What only one run of a home does at a time. The file goes with the object; the lock goes with the process, however
/// it ends.
class HomeLock {
 public:
  explicit HomeLock(LockedLog file) : m_file(std::move(file)) {}
  ~HomeLock();
  HomeLock(const HomeLock&) = delete;
  HomeLock& operator=(const HomeLock&) = delete;

 private:
  LockedLog m_file;
};

/// Waits for the lock `name` of the home. Throws Error (failure) at the deadline, and when a signal comes.
std::shared_ptr<HomeLock> lock_home(Context& context, const std::string& name);

}  // namespace raibid
