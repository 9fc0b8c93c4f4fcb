#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "sys/process.hpp"

namespace raibid {

/// What helm and kubectl say when something fails, read alike: both speak to the cluster through client-go, and their
/// words for its failures are the same.

/// The environment of every child that ends by itself: Go's collector costs a short child a fifth of its time (tried),
/// and the limit brings it back for one that needs much memory.
const std::vector<std::pair<std::string, std::string>>& short_child_environment();
/// The same for those that stay: kubectl's start takes a quarter less CPU time, and its heap stays below 64 MiB, of
/// which a proxy or a port-forward keeps some ten in use (measured with 1.35: 42 ms instead of 56).
const std::vector<std::pair<std::string, std::string>>& long_child_environment();

/// The first word of the command line behind the global flags: "get", "upgrade".
std::string subcommand(const Command& command);

/// The value of `--name VALUE` in the command line, or "".
std::string flag_value(const Command& command, std::string_view name);

/// Why a child failed: its stderr without log lines, warnings and prefixes that say nothing, in one line fit for a
/// terminal.
std::string failure_reason(const Output& output);

/// Where and why: what the rules below look at.
struct Failure {
  std::string reason;
  std::string context;
  std::string name_space;
  std::string kubeconfig;                 ///< "" for the default
  std::string proxy = {};                 ///< that the environment names, "" for none
  std::vector<ApiFailure> failures = {};  ///< as Output::failures
};

/// The Error (preflight) for a cluster that cannot be reached, refuses the login or the right, or for an unusable
/// kubeconfig; std::nullopt for any other reason.
std::optional<Error> cluster_error(const Failure& failure);

inline constexpr const char* proxy_variable = "HTTPS_PROXY";

/// The Error when none of the rules fits, and for a child that did not end in time.
Error general_error(const Command& command, const Output& output, const Failure& failure);

}  // namespace raibid
