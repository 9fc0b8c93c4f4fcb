#pragma once

#include <array>
#include <string>

#include "sys/polled.hpp"

namespace raibid {

/// One or two file descriptors that are waited for in the Runner's poll, beside signals. -1 is left out.
class Descriptors final : public Polled {
 public:
  explicit Descriptors(pollfd first, pollfd second = {-1, 0, 0}) : m_list{first, second} {}

  /// What poll said of the first and of the second, 0 when they are not ready.
  short first() const { return m_list[0].revents; }
  short second() const { return m_list[1].revents; }

  void watch(std::vector<pollfd>& list) const override;
  bool handle(std::span<const pollfd> ready) override;

  bool finished() const override { return false; }
  int status() const override { return 0; }
  std::string& out() override { return m_nothing; }
  std::string& err() override { return m_nothing; }
  void feed(std::string) override {}
  void end() override {}

 private:
  std::array<pollfd, 2> m_list;
  std::string m_nothing;
};

/// Waits until `fd` is ready for one of `events`. What poll said of it, 0 when the time has passed. Throws Interrupted
/// when a signal arrives.
short wait_for(Runner& runner, int fd, short events, TimePoint until);

}  // namespace raibid
