#include "components/redis/commands/setup.hpp"

#include <nlohmann/json.hpp>

#include <unistd.h>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/strings.hpp"
#include "components/redis/settings/advice.hpp"
#include "config/yaml.hpp"
#include "sys/files.hpp"
#include "sys/process.hpp"
#include "ui/reporter.hpp"

namespace raibid {

CommandResult setup_redis(Context& context, const std::vector<std::string>&) {
  const RedisSettings settings = redis_settings(context);
  give_advice(context, settings);
  return settings.target == Target::local ? setup_redis_local(context, settings)
                                          : setup_redis_kubernetes(context, settings);
}

JournalHeader journal_header(const Context& context, const std::string& operation, const std::string& subject) {
  char host[256] = {};
  ::gethostname(host, sizeof(host) - 1);
  return {operation, subject, ::getpid(), host, rfc3339(context.clock.wall())};
}

std::string journal_key(const std::string& cluster_uid, const RedisSettings& settings) {
  return fmt::format("{}-{}-{}", cluster_uid.empty() ? "local" : cluster_uid, settings.name_space, settings.release);
}

Journal open_journal(const Context& context, const std::string& key, const JournalHeader& header) {
  make_private_directory(context.paths.home);
  make_private_directory(context.paths.journal());
  return Journal::open(context.paths.journal(), key, header);
}

void recover_interrupted(Context& context, Executor& executor, Journal& journal, const JournalHeader& header) {
  if (!journal.interrupted()) return;
  const JournalHeader& killed = *journal.interrupted();
  const std::string what = journal.pending().empty() ? "it left nothing to undo" : "undoing what it had begun";
  context.reporter.note(fmt::format("{} of {} (pid {} on {}) did not come to its end: {}", killed.operation,
                                    killed.started, killed.pid, killed.host, what));
  remove_temporary_files(context.paths.home, killed.pid);
  executor.recover(journal);
  journal.restart(header);
}

ChildRecord::ChildRecord(Runner& runner, Journal& journal) : m_runner(runner) {
  runner.observe([&journal](int pid, const Command&) { journal.child(pid); });
}

ChildRecord::~ChildRecord() { m_runner.observe({}); }

std::string describe_plan(const Plan& plan) {
  std::string text = "Plan:\n";
  int number = 0;
  for (const Step& step : plan) text += fmt::format("  {}. {:<12} {}\n", ++number, step.name, step.intent);
  return text;
}

namespace {

/// The flags that say which Redis is meant, to be given again: variables and files say it by themselves.
std::string same_flags(const Context& context) {
  std::string flags;
  for (const char* name : {"kubeconfig", "context", "namespace", "release", "preset", "target", "config"}) {
    if (context.settings.origin(name).source != Source::flag) continue;
    flags += fmt::format(" --{} {}", name, shell_quote(context.settings.text(name)));
  }
  return flags;
}

}  // namespace

CommandResult setup_result(const Context& context, const RedisSettings& settings, const Credentials& credentials,
                           bool changed, TimePoint started) {
  const double seconds = std::chrono::duration<double>(context.clock.now() - started).count();
  if (context.format() == OutputFormat::table) {
    const std::string flags = same_flags(context);
    return {fmt::format("{} in {:.1f} s. Next: raibid-cli status{} · raibid-cli connect redis{} -- redis-cli\n",
                        changed ? "Ready" : "Nothing changed: ready", seconds, flags, flags)};
  }
  const nlohmann::ordered_json object = {
      {"ready", true},
      {"changed", changed},
      {"seconds", seconds},
      {"target", credentials.target},
      {"context", credentials.context},
      {"namespace", credentials.name_space},
      {"release", credentials.release},
      {"host", credentials.host},
      {"port", credentials.port},
      {"stream", credentials.stream},
      {"consumer_group", credentials.consumer_group},
      {"credentials_file", credentials.path.string()},
      {"advice", advice_json(settings)},
  };
  return {context.format() == OutputFormat::yaml ? to_yaml(object) : json_text(object, 2) + "\n"};
}

}  // namespace raibid
