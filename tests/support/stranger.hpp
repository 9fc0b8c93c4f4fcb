#pragma once

#include <sys/types.h>

#include <string>

namespace raibid::test {

/// A process of another user (nobody, when the tests run as root) that listens at a port of loopback or at a Unix
/// socket, keeps what it is told, and answers everything with PONG. It ends with the object.
class Stranger {
 public:
  explicit Stranger(int port);
  explicit Stranger(const std::string& socket);
  ~Stranger();
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;

  pid_t pid() const { return m_pid; }
  /// All that it was told up to now.
  std::string heard();

 private:
  void start(int listener);

  pid_t m_pid = 0;
  int m_ear = -1;
  std::string m_heard;
};

}  // namespace raibid::test
