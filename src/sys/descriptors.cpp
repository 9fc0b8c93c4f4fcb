#include "sys/descriptors.hpp"

#include <algorithm>

namespace raibid {

void Descriptors::watch(std::vector<pollfd>& list) const { list.insert(list.end(), m_list.begin(), m_list.end()); }

bool Descriptors::handle(std::span<const pollfd> ready) {
  std::copy(ready.begin(), ready.end(), m_list.begin());
  return std::any_of(m_list.begin(), m_list.end(), [](const pollfd& one) { return one.revents != 0; });
}

short wait_for(Runner& runner, int fd, short events, TimePoint until) {
  Descriptors descriptors({fd, events, 0});
  Process* const process = &descriptors;
  runner.wait({&process, 1}, until);
  return descriptors.first();
}

}  // namespace raibid
