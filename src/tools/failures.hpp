#pragma once

#include <string>
#include <string_view>

#include "sys/process.hpp"

namespace raibid {

/// A request failed with that reason of the API's ("NotFound", "AlreadyExists", "Conflict"): by the API's own answer,
/// or, of a kubectl that was run, by its words ("(NotFound)").
bool failed_with(const Output& output, std::string_view reason);
/// The same of a Process that has ended.
bool failed_with(Process& process, std::string_view reason);

/// The API refuses the login or the right (401, 403).
bool was_refused(const Output& output);

}  // namespace raibid
