#include "tools/tls_error.hpp"

#include <utility>

namespace raibid {

TlsError::TlsError(TlsProblem problem, std::string message, std::string hint)
    : Error(problem == TlsProblem::own_files ? ExitCode::usage : ExitCode::failure, std::move(message),
            std::move(hint)),
      m_problem(problem) {}

bool TlsError::lasts() const { return m_problem != TlsProblem::not_tls && m_problem != TlsProblem::other; }

}  // namespace raibid
