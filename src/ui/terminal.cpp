#include "ui/terminal.hpp"

#include "base/strings.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>

namespace raibid {

namespace {

constexpr int usual_width = 80;
constexpr int usual_height = 24;

std::string value_of(const std::map<std::string, std::string>& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? "" : found->second;
}

/// POSIX: the first of the three that is set and not empty decides.
bool locale_is_utf8(const std::map<std::string, std::string>& environment) {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string locale = to_lower(value_of(environment, name));
    if (!locale.empty()) return locale.find("utf-8") != std::string::npos || locale.find("utf8") != std::string::npos;
  }
  return false;
}

int number_of(const std::string& text, int otherwise) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number > 0 ? number : otherwise;
}

int width_of_stderr(int otherwise) {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : otherwise;
}

int height_of_stderr(int otherwise) {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : otherwise;
}

}  // namespace

Terminal probe_terminal(const std::map<std::string, std::string>& environment) {
  const bool is_terminal = isatty(STDERR_FILENO) == 1;
  const std::string type = value_of(environment, "TERM");
  const bool known = !type.empty() && type != "dumb";
  const bool capable = is_terminal && known;
  const int otherwise = number_of(value_of(environment, "COLUMNS"), usual_width);
  const int rows_otherwise = number_of(value_of(environment, "LINES"), usual_height);

  Terminal terminal;
  terminal.rewrites = capable;
  terminal.results_rewrite = known && isatty(STDOUT_FILENO) == 1;
  terminal.questions = is_terminal && isatty(STDIN_FILENO) == 1;
  terminal.color = capable && value_of(environment, "NO_COLOR").empty();
  terminal.utf8 = locale_is_utf8(environment);
  terminal.width = [otherwise] { return width_of_stderr(otherwise); };
  terminal.height = [rows_otherwise] { return height_of_stderr(rows_otherwise); };
  return terminal;
}

}  // namespace raibid
