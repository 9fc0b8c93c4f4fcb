#include "sys/listener.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"
#include "sys/files.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pwd.h>

#include <array>
#include <charconv>
#include <string_view>
#include <system_error>
#include <vector>

#include <fmt/format.h>

namespace raibid {

namespace {

constexpr std::size_t largest_table = 256U << 20;
constexpr std::string_view listening = "0A";

/// The addresses at which a connection to 127.0.0.1 arrives, the most exact one first: as the tables write them, in
/// words of 32 bits of the network's bytes.
std::array<std::string, 4> loopback_addresses() {
  const std::string loopback = fmt::format("{:08X}", htonl(INADDR_LOOPBACK));
  const std::string any = "00000000";
  return {loopback, any + any + fmt::format("{:08X}", htonl(0xFFFF)) + loopback, any, any + any + any + any};
}

std::string socket_table(const char* path) {
  try {
    return read_file(path, largest_table).value_or("");
  } catch (const Error&) {
    return "";  // no IPv6
  }
}

template <typename Number>
Number number_in(std::string_view text, int base = 10) {
  Number number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number, base);
  return number;
}

std::vector<std::string> columns_of(const std::string& line) {
  std::vector<std::string> words;
  for (std::string& word : split(line, ' ')) {
    if (!word.empty()) words.push_back(std::move(word));
  }
  return words;
}

std::string program_of(const fs::path& process) {
  try {
    return std::string(trim(read_file(process / "comm").value_or("")));
  } catch (const Error&) {
    return "";  // it ended
  }
}

std::string login_of(uid_t uid) {
  const passwd* const user = ::getpwuid(uid);
  return user == nullptr ? std::to_string(uid) : user->pw_name;
}

}  // namespace

std::optional<Listener> find_listener(int port) {
  std::optional<Listener> found;
  const auto ranked = loopback_addresses();
  std::size_t rank = ranked.size();
  for (const std::string& line : split(socket_table("/proc/net/tcp") + socket_table("/proc/net/tcp6"), '\n')) {
    // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …
    const std::vector<std::string> words = columns_of(line);
    constexpr std::size_t local = 1, state = 3, user = 7, socket = 9;
    if (words.size() <= socket || words[state] != listening) continue;
    const std::size_t colon = words[local].find(':');
    if (colon == std::string::npos || number_in<int>(std::string_view(words[local]).substr(colon + 1), 16) != port)
      continue;
    for (std::size_t i = 0; i < rank; ++i) {
      if (std::string_view(words[local]).substr(0, colon) != ranked[i]) continue;
      rank = i;
      found = Listener{number_in<std::uint64_t>(words[socket]), number_in<uid_t>(words[user])};
    }
  }
  return found;
}

bool owns(int pid, const Listener& listener) {
  const std::string wanted = fmt::format("socket:[{}]", listener.inode);
  std::error_code none;
  fs::directory_iterator entry(fmt::format("/proc/{}/fd", pid), none);
  for (const fs::directory_iterator end; !none && entry != end; entry.increment(none)) {
    std::error_code closed;
    if (fs::read_symlink(entry->path(), closed) == wanted && !closed) return true;
  }
  return false;
}

std::string describe(const Listener& listener) {
  const std::string user = "user " + login_of(listener.uid);
  std::error_code none;
  fs::directory_iterator process("/proc", none);
  for (const fs::directory_iterator end; !none && process != end; process.increment(none)) {
    const int pid = number_in<int>(process->path().filename().string());
    if (pid > 0 && owns(pid, listener))
      return printable(fmt::format("process {} ({}), {}", pid, program_of(process->path()), user));
  }
  return "a process of " + user;
}

}  // namespace raibid
