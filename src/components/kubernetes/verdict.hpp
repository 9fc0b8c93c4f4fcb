#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

#include "sys/clock.hpp"

namespace raibid {

/// What the cluster shows of a workload on its way to Ready, and what that means.
struct Verdict {
  enum class State {
    waiting,  ///< on its way, or it may heal by itself within its grace
    ready,
    doomed,   ///< cannot succeed, or its grace is over
  };
  State state = State::waiting;
  std::string reason;  ///< stable name of the row in the table: "image-pull", "quota", "unschedulable" …
  std::string text;    ///< for people: what it waits for, or why it fails
  std::string hint;    ///< what to do, with a command where there is one
};

}  // namespace raibid
