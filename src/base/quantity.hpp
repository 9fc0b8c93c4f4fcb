#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace raibid {

/// A Kubernetes quantity of memory or storage ("512Mi", "8G", "1e3") in bytes, rounded up.
/// Throws Error (usage) when it is not one, is negative or does not fit; `what` names it in the message.
/// The grammar: kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity
std::int64_t parse_bytes(std::string_view text, std::string_view what);

/// A Kubernetes quantity of CPU ("100m", "0.5", "2") in thousandths of a core, rounded up. Throws like parse_bytes.
std::int64_t parse_millicores(std::string_view text, std::string_view what);

/// Bytes for people: "307 MiB", "8.0 GiB".
std::string format_bytes(std::int64_t bytes);

}  // namespace raibid
