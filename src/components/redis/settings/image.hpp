#pragma once

#include <string>

namespace raibid {

/// An image reference taken apart: "docker.io/library/redis:8.10.2".
struct ImageReference {
  std::string registry;    ///< "docker.io" when the reference names none
  std::string repository;  ///< "library/redis"
  std::string tag;
  std::string digest;
};

/// Throws Error (usage) when it is not one; `what` names the option.
ImageReference parse_image(const std::string& text, const std::string& what);

}  // namespace raibid
