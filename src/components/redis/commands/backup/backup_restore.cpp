// `restore redis`: the data of a backup in place of those that are there.
#include <nlohmann/json.hpp>

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/redis/commands/backup/backup.hpp"
#include "components/redis/commands/backup/live_restore.hpp"
#include "components/redis/commands/backup/point_in_time.hpp"
#include "components/redis/commands/backup/proof.hpp"
#include "components/redis/place/local/scratch_server.hpp"
#include "components/redis/run/agree.hpp"
#include "components/redis/server/server_facts.hpp"
#include "sys/new_file.hpp"
#include "sys/sha256.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

/// What is to be restored, as a file of this machine.
struct RestoreSource {
  StoredBackup backup;
  fs::path file;
};

RestoreSource find_source(Context& context, const BackupAddress& address, const std::string& release,
                          const std::function<std::string()>& owner, const TemporaryDirectory& folder) {
  if (address.kind == BackupAddress::Kind::output)
    throw Error(ExitCode::usage, "a restore reads its file twice, so not from standard input",
                "save it as a file that ends with .rdb");
  if (address.is_one_file()) {
    auto [store, name] = BackupStore::of_file(context, address);
    return {store.look_at(name), store.fetch(name, folder.path())};
  }
  BackupStore store(context, address);
  StoredBackup newest = newest_backup(store.list(), release, owner, store.shown(), ExitCode::usage);
  fs::path file = store.fetch(newest.name, folder.path());
  return {std::move(newest), std::move(file)};
}

/// What is there now; `answers` is false when Redis does not.
struct Present {
  bool answers = false;
  std::string why_not;
  std::string version;
  DataCounts counts;
  DataFiles files;
};

std::string config_value(RedisConnection& redis, const std::string& name) {
  const RedisReply reply = redis.command({"CONFIG", "GET", name});
  const RedisReply* const value = reply.is_error() ? nullptr : reply.field(name);
  return value == nullptr ? "" : value->text;
}

DataFiles files_of(RedisConnection& redis, const std::string& version) {
  DataFiles files;
  const auto take = [&redis](const char* name, std::string& to) {
    const std::string value = config_value(redis, name);
    if (!value.empty()) to = value;
  };
  files.aof = config_value(redis, "appendonly") != "no";
  take("appendfilename", files.base);
  take("dbfilename", files.dump);
  take("appenddirname", files.folder);
  const bool before_seven = !version.starts_with("valkey") && std::atoi(version.c_str()) < 7 && !version.empty();
  if (before_seven) files.folder.clear();
  if (!files.aof && config_value(redis, "save").empty()) {
    throw Error(ExitCode::preflight, "this Redis keeps nothing on disk: it would forget the backup at its next start",
                "set it up without --no-persistence first");
  }
  return files;
}

Present look_at_present(Context& context, Place& place, const RedisSettings& settings) {
  Present present;
  present.files.aof = directive(settings, "appendonly") != "no";
  try {
    const auto redis = place.administer(context.deadline);
    const ServerFacts facts = read_server_facts(*redis);
    present.version = facts.version;
    std::vector<std::string> streams;
    for (const StreamSpec& stream : settings.streams) streams.push_back(stream.name);
    present.counts = count_data(*redis, 0, streams);
    present.files = files_of(*redis, facts.version);
    present.answers = true;
  } catch (const Error& error) {
    if (error.code() == ExitCode::preflight || error.code() == ExitCode::not_installed) throw;
    present.why_not = error.message();
  }
  return present;
}

void refuse_newer_file(const Present& present, int version) {
  const int newest = newest_rdb_version(present.version);
  if (newest == 0 || version <= newest) return;
  throw Error(ExitCode::preflight,
              fmt::format("the backup is of a newer Redis (RDB version {}): Redis {} reads up to {}", version,
                          present.version, newest),
              "restore it into a Redis of its version, or newer");
}

/// When the file is read for its SHA-256: before anything else, or by the installer while it is copied.
enum class Hash { now, while_copied };

/// The plan's part that comes from the file: what it is, and that it can be loaded.
RestorePlan plan_for(Context& context, const RestoreSource& source, Target target, Hash when) {
  RestorePlan plan;
  plan.file = source.file;
  plan.stamp = file_stamp(plan.file);
  plan.bytes = plan.stamp.size;
  const auto& manifest = source.backup.manifest;
  plan.what = manifest ? "the backup of " + manifest->taken : plan.file.string();
  if (when == Hash::now) {
    Sha256 hash;
    read_in_pieces(plan.file, [&](std::string_view piece) { hash.add(piece); });
    plan.sha256 = hash.hex();
    plan.hashed = true;
  } else if (manifest) {
    plan.sha256 = manifest->sha256;
  }
  if (manifest && (manifest->sha256 != plan.sha256 || manifest->bytes != plan.bytes)) {
    throw Error(ExitCode::preflight, damaged_backup(plan.file), "restore another one");
  }
  if (manifest && manifest->exact) {
    plan.counts = manifest->counts;
    plan.counted = true;
  }
  if (context.settings.flag("no-verify") || context.guard.dry_run()) return plan;
  context.reporter.step_started("verify");
  const TimePoint started = context.clock.now();
  const auto ended = [&](Mark mark, const std::string& detail) {
    context.reporter.step_ended("verify", mark, detail,
                                std::chrono::duration_cast<Duration>(context.clock.now() - started));
  };
  try {
    const Proof proof = prove_file(context, plan.file, manifest ? manifest->used_memory : 0);
    // on this machine the server that would get the file is the one that refuses it
    if (proof.too_new && target == Target::local)
      throw Error(ExitCode::preflight, proof.why_not, "restore it into a Redis of its version, or newer");
    if (!proof.loaded) {
      ended(Mark::warning, "not verified here: " + proof.why_not);
      return plan;
    }
    const auto missing = plan.counted ? missing_data(plan.counts, proof.counts) : std::vector<std::string>{};
    if (!missing.empty())
      throw Error(ExitCode::preflight, "the file differs from its manifest: " + join(missing, "; "));
    if (!plan.counted) plan.counts = proof.counts;
    plan.counted = true;
    ended(Mark::done, fmt::format("{} loads it: {}", proof.with, proof.counts.text()));
  } catch (Error& error) {
    ended(Mark::failed, error.message());
    throw error.with_code(ExitCode::preflight);
  }
  return plan;
}

OpenedPlace open_to_restore(Context& context, const BackupAddress& address) {
  try {
    return open_recorded(context, NeedsPreset::no);
  } catch (const Error& error) {
    if (error.code() != ExitCode::not_installed) throw;
    std::string preset;
    try {
      if (address.is_one_file()) {
        auto [store, name] = BackupStore::of_file(context, address);
        const StoredBackup backup = store.look_at(name);
        const bool other = backup.manifest && backup.manifest->preset != context.settings.text("preset");
        if (other && !backup.manifest->preset.empty()) preset = "--preset " + shell_quote(backup.manifest->preset);
      }
    } catch (const Error&) {
      preset.clear();  // the error that counts is that there is no such release
    }
    throw Error(ExitCode::not_installed, error.message(),
                "make it first, then run this again: " + context.scope().command("setup redis", preset));
  }
}

/// What of this command's own was given, to type it again.
std::string own_flags(const Context& context) {
  std::string flags;
  for (const char* const name : {"no-verify", "no-copy"}) {
    if (context.settings.flag(name)) flags += fmt::format(" --{}", name);
  }
  return flags;
}

std::string in_words(const Present& present) {
  return present.answers ? present.counts.text() : "data that nobody can count: " + present.why_not;
}

/// Before anything is replaced: a backup in the home, unless that is not wanted or there is nothing.
std::string copy_first(Context& context, Place& place, const RedisSettings& settings, const Present& present) {
  if (context.settings.flag("no-copy") || !present.answers || present.counts.keys() == 0) return "";
  const BackupAddress address{BackupAddress::Kind::folder, (context.paths.home / "backups").string()};
  return take_backup(context, place, settings, address, !context.settings.flag("no-verify")).path;
}

CommandResult restore_while_it_runs(Context& context, const OpenedPlace& opened, const RestoreSource& source,
                                    const std::string& from) {
  Place& place = *opened.place;
  const RestorePlan plan = plan_for(context, source, opened.settings.target, Hash::now);
  context.reporter.note(fmt::format("There comes: {}{}", plan.what, plan.counted ? ", " + plan.counts.text() : ""));
  if (context.guard.dry_run())
    return told(
        fmt::format("Would write them into {} while it runs, unless there are keys in it. Nothing was changed "
                    "(--dry-run).\n",
                    place.subject()));
  const auto server = find_scratch_server(context);
  if (!server) {
    throw Error(ExitCode::preflight, "there is no redis-server on this machine, which reads the backup",
                "install it: sudo apt-get install redis-server");
  }
  agree(context, fmt::format("{} will get the data of {}", place.subject(), plan.what), "restore redis",
        "--live " + shell_quote(from) + own_flags(context));
  ScratchServer scratch(context, server->program, source.file);
  const DataCounts counts = count_all(scratch.redis());
  const auto to = place.administer(context.deadline);
  if (read_server_facts(*to).cluster_mode)
    throw Error(ExitCode::preflight, place.subject() + " is one node of a Redis Cluster", "use its own tools");
  restore_live(context, scratch.redis(), *to, counts, plan.sha256);
  const nlohmann::ordered_json object = {
      {"restored", plan.file.string()}, {"subject", place.subject()}, {"keys", counts.keys()}, {"copy", nullptr}};
  return backup_result(
      context, [&] { return fmt::format("Restored {}: {}.\n", plan.what, counts.text()); }, object);
}

}  // namespace

CommandResult restore_redis(Context& context, const std::vector<std::string>& arguments) {
  const std::string moment = context.settings.text("to-time");
  if (arguments.size() + (moment.empty() ? 0 : 1) != 1) {
    throw Error(
        ExitCode::usage, "restore needs the backup to restore, or --to-time, and not both",
        "give a file that ends with .rdb, the folder that holds the backups, claim, or --to-time 2026-01-31T09:08:07Z");
  }
  const BackupAddress address = moment.empty() ? parse_backup_address(arguments.front()) : BackupAddress();
  OpenedPlace opened = open_to_restore(context, address);
  Place& place = *opened.place;
  const bool live = context.settings.flag("live");
  if (opened.settings.target == Target::external && !moment.empty())
    throw Error(ExitCode::preflight,
                fmt::format("{} is not managed by raibid-cli: its AOF is not at hand", place.subject()),
                "restore a backup");
  if (opened.settings.target == Target::external && !live) {
    throw Error(ExitCode::preflight,
                fmt::format("{} is not managed by raibid-cli: its files are not at hand", place.subject()),
                "when it is empty, write the keys into it while it runs: " +
                    context.scope().command("restore redis", "--live " + shell_quote(arguments.front())));
  }
  if (live && !moment.empty())
    throw Error(ExitCode::usage, "--live and --to-time contradict each other", "leave one of them out");
  context.reporter.heading(place.heading());
  const TemporaryDirectory folder(context.paths.temporary, "backup");
  if (!moment.empty() && context.guard.dry_run())
    return told(
        fmt::format("Would take what {} held at {} of its AOF, and put it in place of the present data. Nothing was "
                    "changed (--dry-run).\n",
                    place.subject(), printable(moment)));
  const auto owner = [&] { return manifest_of(context, place, opened.settings).owner(); };
  const RestoreSource source =
      moment.empty() ? find_source(context, address, opened.settings.release, owner, folder)
                     : RestoreSource{{"", 0, {}, {}}, rdb_of_moment(context, place, moment, folder.path())};
  if (live) return restore_while_it_runs(context, opened, source, arguments.front());
  const int version = rdb_version_of(source.file);
  const Present present = look_at_present(context, place, opened.settings);
  refuse_newer_file(present, version);
  const bool alone = opened.settings.target == Target::local && context.settings.flag("no-verify");
  RestorePlan plan = plan_for(context, source, opened.settings.target, alone ? Hash::while_copied : Hash::now);
  plan.files = present.files;
  if (!moment.empty()) plan.what = "what it held at " + moment;
  plan.keep_old = !present.answers && !context.settings.flag("no-copy");
  const auto& manifest = source.backup.manifest;
  const bool is_of_another = manifest && manifest->owner() != owner();
  const std::string comes =
      !manifest
          ? format_bytes(plan.bytes) + (plan.counted ? ", " + plan.counts.text() : "")
          : about_backup(*manifest) + (is_of_another ? ", of another Redis: " + printable(manifest->subject) : "");
  context.reporter.note(fmt::format("There is:  {}\nThere comes: {} ({})", in_words(present), plan.what, comes));
  const std::unique_ptr<Installer> installer = open_installer(context, opened.settings);
  if (context.guard.dry_run()) return told(installer->restore(plan) + "Nothing was changed (--dry-run).\n");
  std::string copy;
  plan.agree = [&] {
    agree(context,
          fmt::format("{} will hold the data of {} instead of its own, and Redis is away meanwhile", place.subject(),
                      plan.what),
          "restore redis",
          (moment.empty() ? shell_quote(arguments.front()) : "--to-time " + shell_quote(moment)) + own_flags(context));
    copy = copy_first(context, place, opened.settings, present);
  };
  try {
    installer->restore(plan);
  } catch (Error& error) {
    if (copy.empty()) throw;
    throw error.with_hint(
        fmt::format("{}{}a copy of the data from before is {}", error.hint(), error.hint().empty() ? "" : "\n", copy));
  }
  const nlohmann::ordered_json object = {
      {"restored", moment.empty() ? plan.file.string() : moment},
      {"subject", place.subject()},
      {"keys", plan.counts.keys()},
      {"copy", copy.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(copy)}};
  return backup_result(
      context,
      [&] {
        return fmt::format("Restored {}.{}\n", plan.what,
                           copy.empty() ? "" : fmt::format(" The data from before: {}", copy));
      },
      object);
}

}  // namespace raibid
