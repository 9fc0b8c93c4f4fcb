#include "sys/reader_gone.hpp"

#include <poll.h>

namespace raibid {

bool reader_gone(int fd) {
  pollfd end = {fd, 0, 0};  // POLLERR comes unasked (poll(2))
  return ::poll(&end, 1, 0) == 1 && (end.revents & POLLERR) != 0;
}

}  // namespace raibid
