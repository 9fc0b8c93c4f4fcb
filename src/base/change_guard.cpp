#include "base/change_guard.hpp"

#include <stdexcept>
#include <string>

namespace raibid {

void ChangeGuard::check(std::string_view change) const {
  if (m_dry_run) throw std::logic_error("--dry-run must change nothing, and was about to " + std::string(change));
}

}  // namespace raibid
