#include "components/redis/redis.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "components/redis/commands/backup/backup.hpp"
#include "components/redis/commands/bundle.hpp"
#include "components/redis/commands/connect.hpp"
#include "components/redis/commands/credentials.hpp"
#include "components/redis/commands/doctor.hpp"
#include "components/redis/commands/examples.hpp"
#include "components/redis/commands/export/export.hpp"
#include "components/redis/commands/export/store_commands.hpp"
#include "components/redis/commands/failover.hpp"
#include "components/redis/commands/images.hpp"
#include "components/redis/commands/logs.hpp"
#include "components/redis/commands/queue/queue.hpp"
#include "components/redis/commands/revisions.hpp"
#include "components/redis/commands/setup.hpp"
#include "components/redis/commands/smoke/smoke.hpp"
#include "components/redis/commands/status/status.hpp"
#include "components/redis/commands/support/support.hpp"
#include "components/redis/commands/teardown.hpp"
#include "components/redis/commands/tls.hpp"
#include "components/redis/place/known_names.hpp"
#include "components/redis/place/place.hpp"
#include "components/redis/settings/options.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

namespace {

/// What lists things: -o name.
constexpr std::string_view lists[] = {"status redis", "images redis", "credentials ls",
                                      "backup ls",    "queue ls",     "queue grep"};

/// Every command logs in to an external Redis; setup has these options for the others, too.
void add_password_options(std::vector<OptionSpec>& options) {
  constexpr std::pair<std::string_view, std::string_view> own[] = {
      {"password-file", "With --target external: the password is the first line of this file"},
      {"existing-secret", "With --adopt-service: the password is in this Secret of the Service's namespace"}};
  for (const auto& [name, help] : own) {
    const auto is_it = [&name = name](const OptionSpec& option) { return option.name == name; };
    if (std::any_of(options.begin(), options.end(), is_it)) continue;
    for (OptionSpec option : redis_options()) {
      if (!is_it(option)) continue;
      option.help = help;
      options.push_back(option);
    }
  }
}

}  // namespace

Component redis_component() {
  Component redis = {
      "redis",
      "Redis for job queues, job stores and caches",
      {
          {"setup", "Install Redis and make it ready for jobs; safe to run again", setup_options(), setup_redis},
          {"status",
           "Check that it is healthy: release, pod, claim, Redis, streams",
           status_options(),
           status_redis,
           {},
           {},
           status_unnamed},
          {"teardown", "Remove it; the data stays unless --delete-data", teardown_options(), teardown_redis},
          {"failover", "Hand the master's role over to a replica, so that nothing is lost", failover_options(),
           failover_redis},
          {"doctor", "Check everything that setup needs, with a hint for what is missing", doctor_options(),
           doctor_redis},
          {"smoke", "Run the operations of the preset's application against the real Redis", smoke_options(),
           smoke_redis},
          {"connect", "Keep a port-forward to it open, or run a command through it", connect_options(),
           connect_redis_command, "[-- COMMAND …]"},
          {"logs", "Print what its server has said", logs_options(), logs_redis},
          {"support",
           "Write one archive for an issue, without secrets, names and addresses",
           {},
           support_redis,
           "[FILE]"},
          {"images", "List the container images that setup makes a cluster pull", redis_options(), images_redis},
          {"bundle", "Write this program, its chart and the list of images for a machine without network",
           redis_options(), bundle_redis, "FILE"},
          {"url", "Print its address as an application uses it", url_options(), url_redis},
      },
      take_recorded,
      known_names,
      names_are_old,
      learn_names,
  };
  for (ComponentCommand& command : export_commands()) redis.commands.push_back(std::move(command));
  for (ComponentCommand& command : revision_commands()) redis.commands.push_back(std::move(command));
  for (ComponentCommand& command : tls_commands()) redis.commands.push_back(std::move(command));
  for (ComponentCommand& command : store_export_commands()) redis.commands.push_back(std::move(command));
  for (ComponentCommand& command : credentials_commands()) redis.commands.push_back(std::move(command));
  for (ComponentCommand& command : backup_commands()) redis.commands.push_back(std::move(command));
  for (ComponentCommand& command : queue_commands()) redis.commands.push_back(std::move(command));
  for (ComponentCommand& command : redis.commands) {
    add_password_options(command.options);
    const std::string_view object = command.object.empty() ? redis.name : command.object;
    const std::string name = fmt::format("{} {}", command.verb, object);
    command.junit = command.verb == "status" || command.verb == "doctor" || command.verb == "smoke";
    command.names = std::find(std::begin(lists), std::end(lists), name) != std::end(lists);
    command.examples = redis_examples(name);
  }
  return redis;
}

}  // namespace raibid
