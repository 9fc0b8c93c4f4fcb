#pragma once

#include "components/redis/commands/queue/queue_session.hpp"
#include "components/redis/server/bulk_add.hpp"

namespace raibid {

/// Adds the jobs of a file ("-": standard input): `queue add` and `queue import`. `plan` says what its lines are;
/// stream, record and token are filled in here. Throws Error with how far it came; an interruption and a lost
/// connection too.
CommandResult upload_file(QueueSession& session, const std::string& path, UploadPlan plan, const std::string& verb);

}  // namespace raibid
