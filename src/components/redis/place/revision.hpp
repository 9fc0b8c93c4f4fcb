#pragma once

#include <string>
#include <vector>

#include "components/redis/settings/spec.hpp"

namespace raibid {

/// One state of a Redis that setup made: a revision of helm's on a cluster, an entry of history.jsonl on this machine.
struct Revision {
  int number = 0;
  bool current = false;
  std::string status;                 ///< "deployed", "superseded", "failed"
  std::string at;                     ///< RFC 3339
  std::string user, host, operation;  ///< "" where they were not recorded
  std::string image{};                ///< of the container; "" on this machine
  Spec spec;                          ///< empty where nothing of ours was recorded
};

}  // namespace raibid
