#pragma once

#include <termios.h>

#include <string>
#include <vector>

#include "sys/clock.hpp"
#include "sys/unique_fd.hpp"

namespace raibid {

class Signals;

enum class Key { none, character, up, down, page_up, page_down, home, end, enter, escape, tab, resized };

struct KeyPress {
  Key key = Key::none;
  char character = 0;  ///< of Key::character: printable ASCII
};

/// The whole terminal for one command: the alternate screen, keys without Enter, no echo. Ctrl-C still sends SIGINT.
/// The destructor leaves the terminal as it was. A child of ours does so too when this process is killed; it changes
/// the settings only where they are still ours, since a shell may have its own by then.
class FullScreen {
 public:
  /// Throws Error (failure) when stdin or stdout is not a terminal.
  explicit FullScreen(const Signals& signals);
  ~FullScreen();
  FullScreen(const FullScreen&) = delete;
  FullScreen& operator=(const FullScreen&) = delete;

  struct Size {
    std::size_t columns = 80, rows = 24;
  };
  /// Of the terminal now.
  Size size() const;

  /// Shows these lines, which fit into `size`, and nothing else.
  void draw(const std::vector<std::string>& lines);

  /// The next key, or Key::none after `most` or when a signal is pending.
  KeyPress wait(Duration most);

 private:
  void enter();
  void start_guard();
  bool fill(int timeout_ms);
  KeyPress take_key();

  const Signals& m_signals;
  termios m_before{};
  termios m_ours{};
  UniqueFd m_guard;  ///< a byte: all is well; closed without one: put the terminal back
  int m_guard_pid = -1;
  std::string m_typed;
  bool m_ended = false;  ///< no more keys will come
};

/// The key that `typed` begins with, and how many bytes it takes; Key::none and 0 for the beginning of one that is not
/// complete. `complete`: nothing will follow, so that a lone escape character is the key.
KeyPress parse_key(const std::string& typed, bool complete, std::size_t& length);

}  // namespace raibid
