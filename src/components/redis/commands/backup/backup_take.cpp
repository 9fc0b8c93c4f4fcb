// `backup redis`: a copy of all data over the replication protocol.
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/redis/commands/backup/backup.hpp"
#include "components/redis/commands/backup/proof.hpp"
#include "components/redis/server/server_facts.hpp"
#include "sys/sha256.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

/// While Redis prepares the copy it says something every second (repl-ping); a fork of much memory may keep it busy.
constexpr Duration dump_patience = std::chrono::seconds(60);
constexpr Duration frame = std::chrono::milliseconds(200);
constexpr Duration log_line = std::chrono::seconds(10);

/// One line of progress, whatever is going on.
class BackupStep {
 public:
  BackupStep(Context& context, std::string name) : m_context(context), m_name(std::move(name)), m_started(now()) {
    m_context.reporter.step_started(m_name);
  }
  ~BackupStep() {
    if (!m_ended) m_context.reporter.step_ended(m_name, Mark::failed, "", elapsed());
  }
  BackupStep(const BackupStep&) = delete;
  BackupStep& operator=(const BackupStep&) = delete;

  void say(const std::string& text) {
    const TimePoint at = now();
    if (at - m_said < (m_context.terminal.rewrites ? frame : log_line)) return;
    m_said = at;
    m_context.reporter.step_progress(m_name, text);
  }
  void end(Mark mark, const std::string& detail) {
    m_ended = true;
    m_context.reporter.step_ended(m_name, mark, detail, elapsed());
  }
  Duration elapsed() const { return std::chrono::duration_cast<Duration>(now() - m_started); }
  double seconds() const { return std::chrono::duration<double>(now() - m_started).count(); }

 private:
  TimePoint now() const { return m_context.clock.now(); }

  Context& m_context;
  std::string m_name;
  TimePoint m_started;
  TimePoint m_said{};
  bool m_ended = false;
};

std::string per_second(std::int64_t bytes, double seconds) {
  return format_bytes(seconds > 0 ? static_cast<std::int64_t>(static_cast<double>(bytes) / seconds) : 0) + "/s";
}

/// Hands the copy to where it goes, and counts.
class Copy final : public DumpSink {
 public:
  Copy(BackupWriter& writer, BackupStep& step) : m_writer(writer), m_step(step) {}

  void waiting() override { m_step.say("Redis prepares the copy"); }
  void take(std::string_view bytes) override {
    if (m_bytes == 0) m_began = m_step.seconds();
    m_writer.write(bytes);
    m_hash.add(bytes);
    m_bytes += static_cast<std::int64_t>(bytes.size());
    m_step.say(fmt::format("{}, {}", format_bytes(m_bytes), per_second(m_bytes, m_step.seconds() - m_began)));
  }
  std::int64_t bytes() const { return m_bytes; }
  std::string sha256() { return m_hash.hex(); }
  std::string text() const {
    return fmt::format("{}, {}", format_bytes(m_bytes), per_second(m_bytes, m_step.seconds() - m_began));
  }

 private:
  BackupWriter& m_writer;
  BackupStep& m_step;
  Sha256 m_hash;
  std::int64_t m_bytes = 0;
  double m_began = 0;
};

[[noreturn]] void refuse_sync(const Place& place, const RedisReply& reply) {
  if (reply.error_code() == "NOMASTERLINK" || reply.error_code() == "LOADING") {
    throw Error(ExitCode::failure, fmt::format("{} cannot give a copy now: {}", place.subject(), printable(reply.text)),
                "run this again when it is in sync, or has loaded its data");
  }
  throw Error(ExitCode::preflight,
              fmt::format("{} does not let us copy its data over the replication protocol ({})", place.subject(),
                          printable(reply.text)),
              "the user needs +sync +psync +replconf. Managed services mostly forbid it: use their own snapshots.");
}

std::vector<std::string> names_of_streams_in(const RedisSettings& settings) {
  std::vector<std::string> names;
  for (const StreamSpec& stream : settings.streams) names.push_back(stream.name);
  return names;
}

std::int64_t used_memory(RedisConnection& redis) {
  const RedisReply reply = redis.command({"INFO", "memory"});
  if (reply.is_error()) return 0;
  const auto info = parse_info(reply.text);
  for (const char* const field : {"used_memory_dataset", "used_memory"}) {
    const auto found = info.find(field);
    if (found != info.end()) return std::atoll(found->second.c_str());
  }
  return 0;
}

std::string file_name_for(Context& context, const RedisSettings& settings, const BackupAddress& address) {
  if (address.is_one_file()) return BackupStore::of_file(context, address).second;
  const auto name_now = [&] { return backup_name(settings.release, context.clock.wall()); };
  std::string name = name_now();
  // another one was taken in this second
  while (address.kind == BackupAddress::Kind::folder &&
         exists(std::filesystem::path(address.path) / (name + ".json"))) {
    context.runner.wait({}, context.runner.now() + std::chrono::milliseconds(100));
    name = name_now();
  }
  return name + ".rdb";
}

std::unique_ptr<BackupWriter> open_writer(Context& context, const BackupAddress& address, const std::string& name,
                                          std::int64_t bytes) {
  if (address.kind == BackupAddress::Kind::output) return backup_to_output(context);
  BackupStore store =
      address.is_one_file() ? BackupStore::of_file(context, address).first : BackupStore(context, address);
  return store.write(name, bytes);
}

/// Loads what was stored and compares it with the server. Throws Error (failure) when the copy is not whole.
void prove_copy(Context& context, BackupWriter& writer, const DataCounts& before, const DataCounts& after,
                BackupManifest& manifest) {
  BackupStep step(context, "verify");
  const auto stored = writer.stored();
  if (!stored) {
    manifest.not_verified = "it went to standard output";
    step.end(Mark::warning, "not verified: " + manifest.not_verified);
    return;
  }
  const Proof proof = prove_file(context, *stored, manifest.used_memory);
  if (!proof.loaded) {
    manifest.not_verified = proof.why_not;
    step.end(Mark::warning, "not verified: " + proof.why_not);
    return;
  }
  const auto missing = missing_between(before, after, proof.counts);
  if (!missing.empty()) {
    throw Error(ExitCode::failure, "the copy differs from what Redis holds, and was removed: " + join(missing, "; "),
                "run this again; if it differs again, keep that Redis running and look at its log");
  }
  manifest.verified = manifest.exact = true;
  manifest.verified_with = proof.with;
  manifest.counts = proof.counts;
  step.end(Mark::done, fmt::format("{} loads it: {}", proof.with, proof.counts.text()));
}

nlohmann::ordered_json data_of(const TakenBackup& taken) {
  const BackupManifest& manifest = taken.manifest;
  nlohmann::ordered_json object = {
      {"file", taken.path},           {"taken", manifest.taken},        {"bytes", manifest.bytes},
      {"sha256", manifest.sha256},    {"keys", manifest.counts.keys()}, {"seconds", taken.seconds},
      {"verified", manifest.verified}};
  if (!manifest.not_verified.empty()) object["not_verified_because"] = manifest.not_verified;
  return object;
}

void remove_surplus(Context& context, const BackupAddress& address, const BackupManifest& newest) {
  if (!context.settings.is_set("keep")) return;
  BackupStore store(context, address);
  std::vector<StoredBackup> of_this;
  for (StoredBackup& one : store.list()) {
    if (one.manifest && one.manifest->owner() == newest.owner()) of_this.push_back(std::move(one));
  }
  for (const StoredBackup& one : surplus(of_this, {context.settings.integer("keep")})) {
    store.remove(one.name);
    context.reporter.note(
        fmt::format("removed {}, one more than --keep {}", one.name, context.settings.integer("keep")));
  }
}

}  // namespace

BackupManifest manifest_of(Context& context, Place& place, const RedisSettings& settings) {
  BackupManifest manifest;
  manifest.target = target_name(settings.target);
  manifest.cluster_uid = place.cluster_uid();
  manifest.context = settings.target == Target::kubernetes ? context.settings.text("context") : "";
  manifest.name_space = settings.name_space;
  manifest.release = settings.release;
  manifest.preset = settings.preset;
  manifest.subject = place.subject();
  return manifest;
}

TakenBackup take_backup(Context& context, Place& place, const RedisSettings& settings, const BackupAddress& address,
                        bool verify) {
  TakenBackup taken;
  BackupManifest& manifest = taken.manifest = manifest_of(context, place, settings);
  const int database = place.installed().database;
  const std::vector<std::string> streams = names_of_streams_in(settings);
  const std::unique_ptr<RedisConnection> redis = place.administer(context.deadline);
  const ServerFacts facts = read_server_facts(*redis);
  manifest.redis_version = facts.version;
  if (facts.cluster_mode) {
    throw Error(ExitCode::preflight,
                place.subject() + " is one node of a Redis Cluster: its copy would be a part of the data",
                "use the backups of whoever runs that cluster");
  }
  manifest.used_memory = used_memory(*redis);
  manifest.counts = count_data(*redis, database, streams);
  const auto writer = open_writer(context, address, file_name_for(context, settings, address), manifest.used_memory);
  manifest.file = writer->file();
  taken.shown = writer->shown();
  taken.path = writer->path();
  {
    BackupStep step(context, "copy");
    Copy copy(*writer, step);
    const std::unique_ptr<RedisConnection> source = place.administer(context.deadline);
    const RedisReply reply = source->dump(copy, dump_patience);
    if (reply.is_error()) refuse_sync(place, reply);
    writer->end();
    context.signals.check();
    manifest.taken = rfc3339(context.clock.wall());
    manifest.bytes = copy.bytes();
    manifest.sha256 = copy.sha256();
    taken.seconds = step.seconds();
    step.end(Mark::done, copy.text());
  }
  if (verify) {
    // asked again on a connection that may have been idle for long: a new one
    const DataCounts after = count_data(*place.administer(context.deadline), database, streams);
    prove_copy(context, *writer, DataCounts(manifest.counts), after, manifest);
  } else {
    manifest.not_verified = "--no-verify";
  }
  writer->keep(to_json(manifest));
  return taken;
}

CommandResult backup_redis(Context& context, const std::vector<std::string>& arguments) {
  if (arguments.size() != 1) {
    throw Error(ExitCode::usage, "backup needs one place to write to",
                "give a folder, a file that ends with .rdb, rclone:REMOTE:PATH, or - for standard output");
  }
  const BackupAddress address = parse_backup_address(arguments.front());
  const bool is_folder = address.is_folder();
  if (context.settings.is_set("keep") && (!is_folder || context.settings.integer("keep") < 1)) {
    throw Error(ExitCode::usage, "--keep counts the backups of a folder, and at least one is kept",
                "give a folder, and a number from 1 on");
  }
  OpenedPlace opened = open_recorded(context, NeedsPreset::no);
  context.reporter.heading(opened.place->heading());
  if (context.guard.dry_run()) {
    opened.place->installed();
    return told(fmt::format("Would copy all data of {} to {}{}. Nothing was changed (--dry-run).\n",
                            opened.place->subject(), printable(arguments.front()),
                            context.settings.flag("no-verify") ? "" : ", and load the copy into a scratch server"));
  }
  const TakenBackup taken =
      take_backup(context, *opened.place, opened.settings, address, !context.settings.flag("no-verify"));
  remove_surplus(context, address, taken.manifest);
  if (address.kind == BackupAddress::Kind::output) return {};
  return backup_result(
      context, [&] { return fmt::format("{}\n{}\n", taken.shown, about_backup(taken.manifest)); }, data_of(taken));
}

}  // namespace raibid
