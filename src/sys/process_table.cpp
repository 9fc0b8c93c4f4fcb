#include "sys/process_table.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"
#include "sys/files.hpp"
#include "sys/unique_fd.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <vector>

namespace raibid {

namespace {

std::string proc_file(const std::string& path) {
  try {
    return read_file(path).value_or("");
  } catch (const Error&) {
    return "";  // ESRCH: it ended while we read
  }
}

}  // namespace

std::string process_identity(int pid) {
  const std::string stat = proc_file("/proc/" + std::to_string(pid) + "/stat");
  // the second field is the program's name in parentheses and may hold anything, so count from behind it
  const std::size_t name_end = stat.rfind(") ");
  if (name_end == std::string::npos) return "";
  const std::vector<std::string> fields = split(std::string_view(stat).substr(name_end + 2), ' ');
  constexpr std::size_t state = 0, start_time = 22 - 3;
  if (fields.size() <= start_time || fields[state] == "Z" || fields[state] == "X") return "";
  return fields[start_time] + "@" + std::string(trim(proc_file("/proc/sys/kernel/random/boot_id")));
}

bool kill_process(int pid, const std::string& identity, Duration patience) {
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  // asked after the descriptor is open, so that it cannot be another process by now
  if (!process || identity.empty() || process_identity(pid) != identity) return true;
  if (::getpgid(pid) == pid) ::kill(-pid, SIGKILL);
  ::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
  pollfd ended{process.get(), POLLIN, 0};
  int ready = 0;
  while ((ready = ::poll(&ended, 1, static_cast<int>(patience.count()))) < 0 && errno == EINTR) {
  }
  return ready == 1;
}

void signal_process(const ChangeGuard& guard, int pid, int number) {
  guard.check("send a signal to process " + std::to_string(pid));
  ::kill(pid, number);
}

}  // namespace raibid
