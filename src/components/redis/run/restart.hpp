#pragma once

#include <string>
#include <vector>

#include "components/context.hpp"
#include "components/redis/settings/record.hpp"

namespace raibid {

/// What to do when Redis holds more than it would be allowed to.
std::string less_memory_hint(const Context& context);

/// Before a running Redis is restarted, which is a moment without Redis: done with --yes or --restart, or after a yes.
/// `reasons` say what of the change needs it. Throws Error: (failure) after a no, (usage) when there is no terminal to
/// ask on, with the command that does it. Nothing may have been changed yet.
void agree_to_restart(Context& context, const std::vector<std::string>& reasons);

/// The same before the application gets another user: clients that log in as `before` are refused from their next
/// connection on. Done with --yes, or after a yes.
void agree_to_other_user(Context& context, const std::string& before);

/// The same before clients have to show a certificate, or do not get in any more without TLS. Done with --yes, or after
/// a yes.
void agree_to_refused_clients(Context& context, const std::string& which);

/// Says what was kept from the record of an earlier setup, if anything was; or what is as in the revision that a
/// rollback goes back to.
void say_what_is_kept(const Context& context, const Told& told, bool of_revision = false);

}  // namespace raibid
