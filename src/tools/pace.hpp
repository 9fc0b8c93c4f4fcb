#pragma once

#include <algorithm>

#include "sys/clock.hpp"

namespace raibid {

/// How fast the way to the cluster is: a slow API server, or a credential plugin that each kubectl waits for. Every
/// patience with the cluster is the usual one, or a multiple of the time that an answer took, whichever is longer.
class ClusterPace {
 public:
  /// An answer that took this long. What a person typed meanwhile must not make everything wait as long again.
  void answered(Duration time) { m_answer = std::max(m_answer, std::min(time, longest_counted)); }
  Duration patience(Duration usual) const { return std::max(usual, m_answer * answers_in_a_row); }

 private:
  static constexpr Duration longest_counted = std::chrono::seconds(10);
  /// A kubectl that asks for a dozen objects makes a request for each, and a few to find the kinds.
  static constexpr int answers_in_a_row = 20;

  Duration m_answer{0};
};

}  // namespace raibid
