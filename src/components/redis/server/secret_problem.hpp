#pragma once

#include <string>

#include "components/redis/server/users.hpp"

namespace raibid {

/// What of a Secret someone has changed by hand, so that Redis does not let in who has its passwords: in words, ""
/// when nothing is. Redis keeps the users that it has read; after its next start nobody would get in.
std::string secret_problem(const SecretContent& content);

}  // namespace raibid
