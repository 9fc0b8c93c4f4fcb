#pragma once

#include <string>
#include <string_view>

namespace raibid {

/// What is wrong with a redis.conf directive of that name in a preset, as the end of a message ("is not …"); "" when
/// nothing is. A name that this list does not have may belong to a newer server or to Valkey: it is refused only when
/// it looks like a known one misspelt.
std::string directive_problem(std::string_view name);

/// Whether Redis reads it at its start only: CONFIG SET refuses it (Redis 7 to 8, Valkey 8). The embedded chart
/// replaces its pod for these, and for no other.
bool needs_restart(std::string_view name);

/// Whether redis.conf may have several lines of it.
bool is_repeatable_directive(std::string_view name);

}  // namespace raibid
