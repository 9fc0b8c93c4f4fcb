#pragma once

#include <string>
#include <vector>

#include "components/context.hpp"
#include "components/redis/place/local/instance.hpp"
#include "components/redis/place/revision.hpp"

namespace raibid {

/// See Installer::history: from the instance's history.jsonl, which keeps the last twenty.
std::vector<Revision> history_local(Context& context, const RedisSettings& settings);

/// Those in history.jsonl, oldest first. A line that cannot be read is passed over: it is a record for people.
std::vector<Revision> read_revisions(const LocalInstance& instance);

/// A run has ended well: what the instance was set up with now becomes a revision, unless it is that already.
void note_revision(const Context& context, const LocalInstance& instance, const std::string& operation);

}  // namespace raibid
