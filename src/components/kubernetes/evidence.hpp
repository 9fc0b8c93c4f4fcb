#pragma once

#include "sys/files.hpp"
#include "sys/process.hpp"
#include "tools/kubectl.hpp"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace raibid {

class Error;

/// Keeps what explains a failure before a rollback removes it: descriptions of the release's pods, claims and workload,
/// the namespace's events, the containers' logs (current and previous), and the error itself, in a new 0700 folder
/// under `parent`. Never Secrets, and values only as the caller hands them in. Returns the folder, or "" when nothing
/// could be kept; does not throw. `deadline` bounds it: evidence must not eat the time for the rollback.
std::string keep_evidence(const Files& files, const Clock& clock, const Kubectl& kubectl, const std::string& selector,
                          const std::filesystem::path& parent, const Error& error, const std::string& values,
                          TimePoint deadline);

/// The same pieces, by the names of their files, for an archive. Throws as Kubectl::run.
std::vector<std::pair<std::string, std::string>> evidence_of(const Kubectl& kubectl, const std::string& selector,
                                                             TimePoint deadline);

}  // namespace raibid
