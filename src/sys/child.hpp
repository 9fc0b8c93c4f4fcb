#pragma once

#include "sys/polled.hpp"
#include "sys/spawn.hpp"
#include "sys/unique_fd.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace raibid {

/// SystemRunner's Process: a child that was spawned, until it is reaped.
class Child final : public Polled {
 public:
  static constexpr std::size_t most_unread = 64 << 20;

  Child(Spawned spawned, const Command& command);
  ~Child() override;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  bool finished() const override { return m_finished; }
  int status() const override { return m_status; }
  std::string& out() override { return m_out.text; }
  std::string& err() override { return m_err.text; }
  void feed(std::string rest) override;
  void give(std::string_view more);
  std::size_t untaken() const { return m_input.size() - m_fed; }
  void end() override;

  /// Each child takes this many places in a list for poll.
  static constexpr std::size_t polled = 4;
  void watch(std::vector<pollfd>& list) const override;
  /// Reads, writes and reaps as poll found it. True when the child said something or ended. Throws Error (failure) when
  /// it said more than anybody should have left unread.
  bool handle(std::span<const pollfd> ready) override;

 private:
  struct Stream {
    UniqueFd fd;
    std::string text;
    std::string_view name;
  };
  bool read_some(Stream& stream, std::size_t most);
  void read_rest(Stream& stream);
  void write_input();
  void reap();
  bool ended_within(Duration patience);

  void kill(int signal) const;

  int m_pid;
  bool m_own_group;
  UniqueFd m_pidfd;
  UniqueFd m_in;
  Stream m_out, m_err;
  std::string m_program;
  std::string m_input;
  std::size_t m_fed = 0;
  bool m_input_follows = false;
  bool m_finished = false;
  bool m_discard = false;  ///< it is being ended: what it still says is of no interest
  int m_status = 0;
};

}  // namespace raibid
