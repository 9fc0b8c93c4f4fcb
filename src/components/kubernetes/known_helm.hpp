#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "components/context.hpp"

namespace raibid {

/// The helm that PATH finds, and what it said of its version: kept in the home, so that a helm is started for that only
/// when there is another one (by its path, size and time of change). A script is asked each time: it may call another
/// helm tomorrow.
class KnownHelm {
 public:
  explicit KnownHelm(const Context& context);

  /// What `helm version --short` printed; std::nullopt when it has to be asked.
  const std::optional<std::string>& said() const { return m_said; }
  /// Keeps it for the next run. Not in a dry run, nor in a home that is not there yet; a home that cannot be written
  /// costs only the next question.
  void remember(const std::string& said) const;

 private:
  const Context& m_context;
  std::string m_path;  ///< "" when it cannot be told from another one
  std::uint64_t m_size = 0;
  std::int64_t m_changed = 0;
  std::optional<std::string> m_said;
};

}  // namespace raibid
