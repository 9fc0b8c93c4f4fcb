#include "base/error.hpp"

#include <string.h>

#include <utility>

namespace raibid {

namespace {
constexpr int first_signal_code = 128;
}

Error::Error(ExitCode code, std::string message, std::string hint)
    : m_code(code), m_message(std::move(message)), m_hint(std::move(hint)) {}

Error Error::interrupted(int signal) {
  return Error(static_cast<ExitCode>(first_signal_code + signal),
               std::string("interrupted (SIG") + sigabbrev_np(signal) + ")");
}

int Error::signal() const {
  const int code = static_cast<int>(m_code);
  return code > first_signal_code ? code - first_signal_code : 0;
}

Error& Error::during(const std::string& doing) {
  m_message = "while " + doing + ": " + m_message;
  return *this;
}

Error& Error::with_hint(std::string hint) {
  m_hint = std::move(hint);
  return *this;
}

Error& Error::with_code(ExitCode code) {
  m_code = code;
  return *this;
}

Error& Error::made_nothing() {
  m_made_nothing = true;
  return *this;
}

}  // namespace raibid
