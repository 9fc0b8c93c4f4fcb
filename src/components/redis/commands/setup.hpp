#pragma once

#include <nlohmann/json_fwd.hpp>

#include "components/component.hpp"
#include "components/redis/server/credentials.hpp"
#include "components/redis/settings/settings.hpp"
#include "plan/executor.hpp"

namespace raibid {

/// `setup redis`: either target.
CommandResult setup_redis(Context& context, const std::vector<std::string>& arguments);

CommandResult setup_redis_kubernetes(Context& context, const RedisSettings& settings);
CommandResult setup_redis_local(Context& context, const RedisSettings& settings);

/// Undoes first what a killed run left in the journal, and says so.
void recover_interrupted(Context& context, Executor& executor, Journal& journal, const JournalHeader& header);

/// The journal of this run. Throws Error (preflight) when another run works on the same.
Journal open_journal(const Context& context, const std::string& key, const JournalHeader& header);
std::string journal_key(const std::string& cluster_uid, const RedisSettings& settings);
JournalHeader journal_header(const Context& context, const std::string& operation, const std::string& subject);

/// A new id for a run: 16 hexadecimal digits. Everything that the run makes in the cluster is stamped with it.
std::string new_run_id(Random& random);

/// Records the children of a run in its journal as long as it lives: after a kill the next run can tell whether one is
/// still at work.
class ChildRecord {
 public:
  ChildRecord(Runner& runner, Journal& journal);
  ~ChildRecord();
  ChildRecord(const ChildRecord&) = delete;
  ChildRecord& operator=(const ChildRecord&) = delete;

 private:
  Runner& m_runner;
};

/// What a finished setup says: a sentence, or with -o json|yaml an object of stable keys.
CommandResult setup_result(const Context& context, const RedisSettings& settings, const Credentials& credentials,
                           bool changed, TimePoint started);

/// The plan of a --dry-run: what would be done.
std::string describe_plan(const Plan& plan);

}  // namespace raibid
