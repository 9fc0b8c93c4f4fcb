#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "sys/process.hpp"
#include "tools/pace.hpp"

namespace raibid {

/// The rules for a server that cannot answer now and can in a moment: too many requests (429), an error of its own
/// (5xx), an etcd that elects a leader or is late. One place for kubectl and helm.

/// A failure that passes: how long the server asks us to wait, zero when it does not say. std::nullopt for any other.
/// By the API's answers, or of a child by its words.
std::optional<Duration> passing_failure(const Output& output);
std::optional<Duration> passing_failure(Process& process);
/// By words alone.
std::optional<Duration> passing_failure(std::string_view text);

/// Until when to wait for the answers; asked again while it waits, since an answer tells how fast the cluster is.
using AnswerBy = std::function<TimePoint()>;

/// Runs side by side as run_all, and starts a command again (Command::repeatable) that failed with what passes: half a
/// minute long at most, with growing pauses, never beyond `until`. The first answer is told to `pace`.
std::vector<Output> run_patiently(Runner& runner, std::span<const Command> commands, ClusterPace& pace,
                                  const AnswerBy& until);

}  // namespace raibid
