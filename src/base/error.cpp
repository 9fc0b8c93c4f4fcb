#include "base/error.hpp"

#include <string.h>

#include <utility>

namespace raibid {

namespace {
constexpr int first_signal_code = 128;
}

BaseError::BaseError(std::string message, std::string hint) : m_message(std::move(message)), m_hint(std::move(hint)) {}

Error::Error(ExitCode code, std::string message, std::string hint)
    : BaseError(std::move(message), std::move(hint)), m_code(code) {}

Interrupted::Interrupted(int signal, std::string hint)
    : BaseError(std::string("interrupted (SIG") + sigabbrev_np(signal) + ")", std::move(hint)), m_signal(signal) {}

int Interrupted::exit_code() const { return first_signal_code + m_signal; }

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

Error& Error::with_evidence(std::string folder) {
  m_evidence = std::move(folder);
  return *this;
}

Error& Error::made_nothing() {
  m_made_nothing = true;
  return *this;
}

}  // namespace raibid
