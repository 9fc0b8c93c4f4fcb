#pragma once

#include <string_view>
#include <vector>

namespace raibid {

/// Why a check did not pass, or passed with a warning, as one word for scripts (`reason` of -o json): docs/status.md
/// lists them, and the JSON schemas in docs/schemas allow no other. A word keeps its meaning; new ones may come.
enum class CheckReason {
  none,  ///< it passed
  bad_certificate,
  being_deleted,
  changed,
  disagree,
  drifted,
  evicts,
  failed,
  filling,
  forbidden,
  full,
  in_use,
  is_replica,
  jobs_lost,
  leads_elsewhere,
  leads_nowhere,
  limit_passed,
  loading,
  missing,
  no_room,
  node_is_silent,
  not_answering,
  not_bound,
  not_deployed,
  not_in_sync,
  not_permitted,  ///< the check could not be made: this Redis may not be asked
  not_ready,
  not_writable,
  on_one_node,
  scaled_to_zero,
  slow,
  stopped,
  suspended,
  too_long,
  unfinished,
  unknown_lag,
  unknown_user,
  unreachable,
  unreadable,
  write_failed,
};

/// "BeingDeleted"; "" for none.
std::string_view reason_word(CheckReason reason);
/// All words, sorted, without that for none.
std::vector<std::string_view> reason_words();

}  // namespace raibid
