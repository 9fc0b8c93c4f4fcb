#include "components/redis/place/local/status_local.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/cron.hpp"
#include "base/error.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/place/local/certificates_local.hpp"
#include "components/redis/place/local/connector.hpp"
#include "components/redis/place/local/instance.hpp"
#include "components/redis/place/local/local_nodes.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/server/backup_manifest.hpp"
#include "components/redis/server/connect.hpp"
#include "components/redis/settings/record.hpp"
#include "sys/files.hpp"
#include "sys/listener.hpp"

namespace raibid {

namespace {

std::string subject(const RedisSettings& settings) {
  return fmt::format("release {} on this machine", settings.release);
}

Directives with_tls(Directives directives, const TlsChoice& tls) {
  for (auto& line : tls_directives(tls)) directives.push_back(std::move(line));
  return directives;
}

/// Of several nodes: what has the port, and whether all others run.
void examine_processes(const LocalInstance& instance, int port, std::optional<int> pid, HealthReport& report) {
  std::vector<std::string> stopped;
  for (const LocalProcess& process : instance.processes()) {
    if (!process.pid()) stopped.push_back(process.name());
  }
  const bool runs = stopped.empty() && instance.listens(port);
  const Error error = instance.not_running(port);
  const bool taken = error.code() == ExitCode::preflight;
  const std::size_t all = instance.processes().size();
  report.add({"server", runs,
              runs                    ? fmt::format("{} processes, the proxy (pid {}) at 127.0.0.1:{}", all, *pid, port)
              : taken                 ? error.message()
              : stopped.size() == all ? "stopped"
              : stopped.empty()       ? error.message()
                                      : "stopped: " + join(stopped, ", "),
              error.hint()},
             taken ? CheckReason::in_use : CheckReason::stopped);
}

void examine_server(const LocalInstance& instance, int port, std::optional<int> pid, HealthReport& report) {
  if (instance.several()) return examine_processes(instance, port, pid, report);
  if (pid && instance.listens(port)) {
    report.add({"server", true, fmt::format("pid {} at 127.0.0.1:{}", *pid, port)});
    return;
  }
  const Error error = instance.not_running(port);
  const bool taken = error.code() == ExitCode::preflight;
  report.add({"server", false, pid || taken ? error.message() : "stopped", error.hint()},
             taken ? CheckReason::in_use
             : pid ? CheckReason::not_answering
                   : CheckReason::stopped);
}

}  // namespace

InstalledRedis find_local(Context& context, const RedisSettings& settings) {
  const LocalInstance instance(context, settings.release);
  const auto state = instance.state();
  if (!state) throw_not_installed(context, subject(settings));
  if (instance.removed()) throw_removed(context, subject(settings), context.paths.shown(instance.folder()));
  const SecretContent content = instance.content_of(*state);
  const Login login = application_login(content);
  InstalledRedis installed{"127.0.0.1",    state->port, login.password,       state->spec, state->name_space,
                           login.username, 0,           admin_login(content), content};
  if (state->spec.tls.enabled()) installed.tls = tls_client(instance.certificates(), state->spec.tls, "127.0.0.1");
  return installed;
}

namespace {

/// On this machine nothing runs by a schedule: commands trim what they find above its limit.
void examine_trimming(const StatusFacts::OnMachine& machine, HealthReport& report) {
  if (!machine.trims) return;
  const auto& last = machine.last_trim;
  report.add({"trimming", true,
              last ? fmt::format("last {}: {} of {} removed", last->at, counted(last->removed, "entry", "entries"),
                                 last->stream)
                   : "nothing was above its limit yet (queue add, queue work and setup look)"});
}

}  // namespace

namespace {

std::string first_choice(const Spec& spec, const char* option) {
  const auto found = spec.chosen.find(option);
  return found == spec.chosen.end() || found->second.values.empty() ? "" : found->second.values.front();
}

/// "…-20260131T090807Z.rdb" → "2026-01-31T09:08:07Z"
std::string time_of_backup(const std::string& file) {
  const std::string stamp = file.substr(file.size() - 20, 15);
  return fmt::format("{}-{}-{}T{}:{}:{}Z", stamp.substr(0, 4), stamp.substr(4, 2), stamp.substr(6, 2),
                     stamp.substr(9, 2), stamp.substr(11, 2), stamp.substr(13, 2));
}

/// Its manifest says that it has so many bytes.
bool is_whole(fs::path file, std::int64_t bytes) {
  constexpr std::size_t longest_manifest = 16 << 20;
  try {
    const auto text = read_file(file.replace_extension(".json"), longest_manifest);
    const auto manifest = text ? parse_backup_manifest(*text, file.string()) : std::nullopt;
    return manifest && manifest->bytes == bytes;
  } catch (const Error&) {
    return false;  // damaged, or not ours to read
  }
}

/// Since when setup has been asked for this schedule; "" where that is not known.
std::string begin_of_schedule(const LocalInstance& instance, const std::string& schedule) {
  std::string begin;
  const std::vector<Revision> revisions = read_revisions(instance);
  for (auto one = revisions.rbegin(); one != revisions.rend(); ++one) {
    if (first_choice(one->spec, "backup-schedule") != schedule) break;
    begin = one->at;
  }
  return begin;
}

/// What the timer that setup printed has left in its folder.
std::optional<StatusFacts::LocalBackups> look_at_backups(const Spec& spec, const std::string& release) {
  StatusFacts::LocalBackups backups{first_choice(spec, "backup-schedule"), first_choice(spec, "backup-to")};
  if (!CronSchedule::parse(backups.schedule) || backups.to.empty()) return std::nullopt;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(backups.to, none)) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(".rdb") || !is_backup_name(name, release)) continue;
    const auto bytes = static_cast<std::int64_t>(entry.file_size(none));
    if (none || !is_whole(entry.path(), bytes)) continue;
    if (std::string time = time_of_backup(name); time > backups.last_succeeded) {
      backups.last_succeeded = std::move(time);
      backups.file = name;
      backups.bytes = bytes;
    }
  }
  return backups;
}

void examine_backups(const std::optional<StatusFacts::LocalBackups>& backups, WallTime now, HealthReport& report) {
  if (!backups || backups->to.starts_with("rclone:")) return;
  const auto cron = CronSchedule::parse(backups->schedule);
  const auto last = parse_rfc3339(backups->last_succeeded);
  const std::string where = fmt::format("{} ({})", printable(backups->to), backups->schedule);
  const std::string what_helps =
      "to take one now: " + report.scope().command("backup redis", shell_quote(backups->to)) +
      "; setup prints the timer again: " + report.scope().command("setup redis");
  if (!last) {
    const auto set_up = parse_rfc3339(backups->set_up);
    const bool missing = cron && set_up && now - *set_up > 2 * cron->longest_gap();
    report.add(
        {"backup", !missing,
         missing ? fmt::format("none in {} since the setup of {}, more than two periods ago", where, backups->set_up)
                 : fmt::format("none yet in {}", where),
         missing ? what_helps : ""},
        CheckReason::limit_passed);
    return;
  }
  const bool old = cron && now - *last > 2 * cron->longest_gap();
  report.add(
      {"backup", !old,
       fmt::format("last success {}, {}, {}, in {}{}", backups->last_succeeded, ago(now, backups->last_succeeded),
                   format_bytes(backups->bytes), where, old ? ": older than two periods" : ""),
       old ? what_helps : ""},
      CheckReason::limit_passed);
}

}  // namespace

namespace {

/// A file may go while this looks: a rewrite of the AOF.
std::int64_t size_of(const fs::path& folder) {
  std::int64_t bytes = 0;
  std::error_code failed;
  for (auto entry = fs::recursive_directory_iterator(folder, failed); entry != fs::recursive_directory_iterator();
       entry.increment(failed)) {
    if (failed) break;
    std::error_code gone;
    const auto size = entry->is_regular_file(gone) ? entry->file_size(gone) : 0;
    if (!gone) bytes += static_cast<std::int64_t>(size);
  }
  return bytes;
}

/// Of several nodes all together: they are on one disk.
std::vector<Storage> look_at_storage(const LocalInstance& instance) {
  const fs::path folder = instance.several() ? instance.node(0).parent_path() : instance.data();
  std::error_code failed;
  const fs::space_info disk = fs::space(folder, failed);
  if (failed) return {};
  return {{folder.string(), size_of(folder), static_cast<std::int64_t>(disk.available),
           static_cast<std::int64_t>(disk.capacity), true, Storage::From::folder}};
}

}  // namespace

StatusReport examine_instance(Context& context, const LocalInstance& instance, const LocalInstance::State& state,
                              int unfinished) {
  StatusFacts::OnMachine machine{instance.folder().string(), state.port, instance.pid()};
  machine.trims = std::any_of(state.spec.streams.begin(), state.spec.streams.end(),
                              [](const StreamSpec& stream) { return stream.max_length > 0; });
  machine.plain_port = state.plain_port;
  if (const auto last = instance.last_trim()) machine.last_trim = {last->at, last->stream, last->removed};
  machine.backups = look_at_backups(state.spec, instance.release());
  if (machine.backups) machine.backups->set_up = begin_of_schedule(instance, machine.backups->schedule);
  StatusFacts facts{instance.release(), state.name_space, state.spec.preset, unfinished};
  constexpr Duration one_look = std::chrono::seconds(5);
  if (state.spec.ha()) machine.topology = LocalNodes(context, instance, state).look(context.runner.now() + one_look);
  facts.where = machine;
  if (machine.pid) {
    try {
      const Login login = admin_login(instance.content_of(state));
      const RedisEndpoint endpoint{"127.0.0.1", state.port, login.username, login.password};
      LocalConnector connector(context.redis, instance);
      read_redis_facts(*connect_redis(connector, endpoint, reply_limit),
                       {with_tls(state.spec.directives, state.spec.tls), state.spec.streams,
                        state.spec.auth ? Secret(read_file(instance.acl()).value_or("")) : Secret()},
                       facts.redis);
    } catch (const Error& error) {
      facts.redis.failure = {error.message(), error.hint()};
    }
  }
  if (state.spec.persistence) facts.storage = look_at_storage(instance);
  take_trend(context, instance.folder().string(), facts.redis, facts.storage);
  StatusReport report =
      report_on(std::move(facts), context.scope().found("local", "", instance.release(), state.spec.preset));
  examine_server(instance, state.port, machine.pid, report.health);
  if (machine.pid) examine_local_tls(context, instance, state, report.health);
  if (machine.topology) examine_topology(*machine.topology, report.health.scope().command("logs redis"), report.health);
  examine_storage(report.facts.storage, report.health);
  examine_trimming(machine, report.health);
  examine_backups(machine.backups, context.clock.wall(), report.health);
  examine_redis(report.facts.redis, report.health);
  return report;
}

std::string report_title(const Context& context, const LocalInstance& instance) {
  return fmt::format("{} (this machine, {})", instance.release(), context.paths.shown(instance.folder()));
}

CommandResult status_redis_local(Context& context, const RedisSettings& settings) {
  const LocalInstance instance(context, settings.release);
  auto state = instance.state();
  const int unfinished = mention_unfinished(context);
  if (instance.removed()) throw_removed(context, subject(settings), context.paths.shown(instance.folder()));
  if (!state && instance.has_data()) throw_removed(context, subject(settings), context.paths.shown(instance.data()));
  if (!state) throw_not_installed(context, subject(settings));
  refuse_other_preset(context, state->spec.preset);
  if (state->name_space.empty()) state->name_space = settings.name_space;
  StatusReport report = examine_instance(context, instance, *state, unfinished);
  return render_report(context, report_title(context, instance), report.health);
}

}  // namespace raibid
