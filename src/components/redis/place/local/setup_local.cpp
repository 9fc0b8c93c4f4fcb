#include "components/redis/place/local/setup_local.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/place/local/certificates_local.hpp"
#include "components/redis/place/local/history_local.hpp"
#include "components/redis/place/local/installation_local.hpp"
#include "components/redis/place/local/instance.hpp"
#include "components/redis/place/local/undo_local.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/run/restart.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/settings/advice.hpp"
#include "components/redis/settings/record.hpp"
#include "sys/environment.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

/// Nothing is installed for a schedule on this machine: a timer would outlive the Redis that it is for.
void say_timer(const Context& context, const RedisSettings& settings) {
  const BackupChoice& backup = settings.backup;
  if (!backup.wanted()) return;
  const std::string to = (backup.to == BackupChoice::To::rclone ? "rclone:" : "") + backup.place;
  const std::string typed =
      context.scope().command("backup redis", fmt::format("{} --keep {} -q", shell_quote(to), backup.keep));
  const std::string command = shell_quote(own_program().string()) + typed.substr(typed.find(' '));
  const bool usual = context.paths.home == context.paths.user / ".raibid";
  const std::string name = settings.release + "-backup";
  context.reporter.note(
      fmt::format("backups by a schedule: setup installs no timer. Write these two files, then\n"
                  "  systemctl --user daemon-reload && systemctl --user enable --now {}.timer\n{}",
                  name, systemd_units(backup.schedule, command, name, usual ? "" : context.paths.home.string())));
}

}  // namespace

SetupOutcome setup_redis_local(Context& context, const RedisSettings& given, const SetupRequest& request) {
  RedisSettings settings = given;
  const Told told(context);
  const auto take_record = [&] {
    context.settings = told.settings;
    context.preset = told.preset;
    const auto state = LocalInstance(context, settings.release).state();
    if (state) take_record_for_setup(context, request.record.value_or(state->spec), state->name_space);
    settings = redis_settings(context);
  };
  take_record();
  give_advice(context, settings);
  const LocalServer server = find_local_server(context);
  LocalInstallation setup(context, settings, server, settings.ha() ? find_local_proxy(context) : LocalProxy());
  context.reporter.heading(fmt::format("This machine, {}", context.paths.shown(setup.instance().folder())));
  JournaledRun run(context,
                   {request.operation, fmt::format("release {} on this machine", settings.release),
                    journal_key("", settings.name_space, settings.release), setup.instance().folder()},
                   undo_limit);
  if (context.guard.dry_run()) {
    if (const auto left = run.left()) context.reporter.note(describe_left(*left));
    say_what_is_kept(context, told, request.record.has_value());
    setup.look();
    setup.check_nodes();
    setup.check_port();
    const Plan plan = setup.plan();
    setup.refuse_restart(setup.restarts());
    if (request.agree) request.agree(setup.restarts());
    if (request.diff) return {std::nullopt, setup.diff(), {}, false};
    return {SetupPlan{describe_plan(plan) + "\n# redis.conf\n" + setup.conf(),
                      {{"dry_run", true},
                       {"target", "local"},
                       {"folder", setup.instance().folder().string()},
                       {"release", settings.release},
                       {"steps", plan_data(plan)},
                       {"restarts", setup.restarts()},
                       {"redis_conf", setup.conf()}}},
            {},
            {},
            false};
  }
  setup.set_run(run.id());
  setup.add_undos(run.undos(), [&run] { return run.undo_until(); });
  if (!context.settings.flag("discard-data")) {
    keep_left_data(run.undos(), setup.instance(), run.id(),
                   fmt::format("the data that the interrupted run left in {} is kept and used; to remove it: {}",
                               context.paths.shown(setup.instance().folder()),
                               context.scope().command("setup redis", "--discard-data")));
  }
  run.on_failure(
      [&](const Error&) -> std::string {
        for (const LocalProcess& process : setup.instance().processes()) {
          if (setup.instance().several() && process.pid()) continue;
          const std::string words = process.log.empty() ? "" : setup.instance().last_words(process.log);
          if (!words.empty())
            context.reporter.note("the last lines of " + context.paths.shown(process.log) + ":\n" + words);
        }
        return "";
      },
      settings.keep_on_failure);
  Plan plan;
  const bool interrupted = run.open();
  run.before([&] {
    if (interrupted) {
      setup.look(false);  // what the undos work with
      run.recover();
      take_record();  // another one when a change was undone
    }
    setup.forget_previous_files();
    say_what_is_kept(context, told, request.record.has_value());
    setup.look();
    setup.check_nodes();
    setup.check_port();
    setup.check_memory();
    plan = setup.plan();
    setup.agree(request.agree);
  });
  const bool changed = run.execute(plan).changed;
  if (setup.instance().removed()) context.files.remove_tree(setup.instance().removed_file());
  note_revision(context, setup.instance(), request.operation);
  setup.forget_previous_files();
  setup.forget_previous_users();
  setup.forget_previous_certificates();
  setup.trim_streams();
  say_timer(context, settings);
  return {std::nullopt, std::nullopt, setup.written(), changed};
}

}  // namespace raibid
