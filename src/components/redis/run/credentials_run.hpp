#pragma once

#include <optional>
#include <string>

#include "components/context.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/run/users.hpp"
#include "components/redis/server/credentials.hpp"

namespace raibid {

/// The steps of a run that changes nothing but who may log in: the users, then this user's credentials file, if there
/// is one. `file` is read and changed while they act.
Plan credentials_plan(Context& context, UserStore& store, const UserServers& servers, const UserChange& change,
                      const std::string& what, const std::string& run, std::optional<Credentials>& file,
                      const std::string& preset);

/// Throws Error (preflight) when two passwords are already valid: a third one would leave nobody to know which is
/// whose.
void refuse_third_password(const Context& context, const SecretContent& content);

/// Throws Error (preflight) when what a killed run left is of another command than those that begin with `own`: only
/// that one knows how to undo it.
void refuse_left_of_another_command(const Context& context, const JournaledRun& run, std::string_view own);

}  // namespace raibid
