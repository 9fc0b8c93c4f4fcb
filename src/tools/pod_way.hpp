#pragma once

#include <memory>

#include "sys/clock.hpp"
#include "tools/transport.hpp"

namespace raibid {

/// A way to a port of a pod without a port of this machine: by the Kubernetes API.
class PodWay {
 public:
  virtual ~PodWay() = default;
  /// Whether `connect` gives a connection now. Where it never will, the same Process is a kubectl port-forward.
  virtual bool is_open() const = 0;
  /// A connection of its own; the first one is there already. Throws Error (failure), and Interrupted.
  virtual std::unique_ptr<Transport> connect(TimePoint deadline) = 0;
};

}  // namespace raibid
