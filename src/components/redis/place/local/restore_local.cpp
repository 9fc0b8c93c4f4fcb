#include "components/redis/place/local/restore_local.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/place/local/connector.hpp"
#include "components/redis/place/local/local_nodes.hpp"
#include "components/redis/run/credentials_run.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/server/connect.hpp"
#include "components/redis/server/handover.hpp"
#include "sys/background.hpp"
#include "sys/files.hpp"
#include "sys/new_file.hpp"
#include "sys/sha256.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

constexpr const char* copy_name = "copy";              ///< in the folder of what is being brought
constexpr const char* incoming_argument = "incoming";  ///< of an undo: the name of that folder

/// Of several nodes node 0 gets the data, and the others get them from it.
fs::path data_of(const LocalInstance& instance) {
  return instance.several() ? instance.node(0) / "data" : instance.data();
}
fs::path before_of(const LocalInstance& instance) { return data_of(instance) / before_restore; }
fs::path replaced_of(const LocalInstance& instance) { return data_of(instance) / replaced_by_restore; }

/// Beside the folder of a process: what was in it before the restore.
fs::path aside_of(const LocalProcess& process) {
  return process.folder.parent_path() / fmt::format("{}-{}", before_restore, process.folder.filename().string());
}

/// What would tell the nodes of the master and of the data of before: all sentinels' files, and the other nodes' data.
std::vector<LocalProcess> older_folders(const LocalInstance& instance) {
  std::vector<LocalProcess> all;
  if (!instance.several()) return all;
  for (LocalProcess& process : instance.processes()) {
    const bool of_others = process.kind == LocalProcess::Kind::server && process.ordinal > 0;
    if (of_others || process.kind == LocalProcess::Kind::sentinel) all.push_back(std::move(process));
  }
  return all;
}

void put_aside(const Context& context, const LocalInstance& instance) {
  for (const LocalProcess& process : older_folders(instance)) {
    if (fs::exists(process.folder)) context.files.rename(process.folder, aside_of(process));
    context.files.make_private_directory(process.folder);
  }
}

void put_back(const Context& context, const LocalInstance& instance) {
  for (const LocalProcess& process : older_folders(instance)) {
    if (!fs::exists(aside_of(process))) continue;
    context.files.remove_tree(process.folder);
    context.files.rename(aside_of(process), process.folder);
  }
}

void remove_aside(const Context& context, const LocalInstance& instance) {
  for (const LocalProcess& process : older_folders(instance)) context.files.remove_tree(aside_of(process));
}

void remove_replaced(const Context& context, const LocalInstance& instance) {
  context.files.remove_tree(replaced_of(instance));
  remove_aside(context, instance);
}

std::string start_by_hand(const LocalInstance& instance) {
  return Scope().found("local", "", instance.release(), "").command("setup redis");
}

void start_instance(Context& context, const LocalInstance& instance, TimePoint until) {
  const auto state = instance.state();
  if (!state) return;
  if (instance.several()) {
    LocalNodes nodes(context, instance, *state);
    const auto progress = [&](const std::string& text) { context.reporter.step_progress("start", text); };
    nodes.start(until);
    nodes.wait_until_in_sync(until, progress);
    nodes.start_proxy(find_local_proxy(context).program, until, progress);
    return;
  }
  if (instance.pid()) return;
  instance.start(context.runner, find_local_server(context).program, state->port, until);
}

/// Whether the restore is past the point from which it can be undone: the old data are no longer beside the new ones.
/// The folder of what came is removed just before; where it is still there, the exchange has not begun, or was undone.
bool is_done(const LocalInstance& instance, const std::map<std::string, std::string>& arguments) {
  const auto incoming = arguments.find(incoming_argument);  // none in the journal of an older version
  return incoming != arguments.end() && !fs::exists(data_of(instance) / incoming->second) &&
         !fs::exists(before_of(instance));
}

/// Brings back what was there before, wherever a run was stopped; `had` says whether there was anything.
void swap_back(Context& context, const LocalInstance& instance, const std::string& name, bool had) {
  if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos)
    throw Error(ExitCode::remains,
                fmt::format("the journal names {}, which is no file of a data folder", printable(name)));
  const fs::path live = data_of(instance) / name, before = before_of(instance);
  if (!fs::exists(before)) return;  // not begun, or undone, or done for good
  put_back(context, instance);
  if (had && fs::exists(before / name)) {
    context.files.remove_tree(live);
    context.files.rename(before / name, live);
  } else if (!had) {
    context.files.remove_tree(live);
  }
  context.files.remove_tree(before);
}

/// No journal says what is in it: it may be the only copy of someone's data.
void refuse_unknown_leftovers(const Context& context, const LocalInstance& instance) {
  if (!fs::exists(before_of(instance))) return;
  throw Error(
      ExitCode::preflight,
      fmt::format("{} holds what was there before an earlier restore, and no journal says whether that was done",
                  context.paths.shown(before_of(instance))),
      "look at it, and move it away");
}

class LocalRestore {
 public:
  LocalRestore(Context& context, const RedisSettings& settings, const RestorePlan& plan, std::string run)
      : m_context(context),
        m_settings(settings),
        m_plan(plan),
        m_instance(context, settings.release),
        m_incoming(data_of(m_instance) / (incoming_prefix + run)),
        m_kept(data_of(m_instance) / (kept_prefix + run)) {}

  const LocalInstance& instance() const { return m_instance; }

  Plan plan() {
    Plan steps = {file_step(), stop_step(), data_step(), start_step(), compare_step()};
    if (m_instance.several()) steps.insert(steps.begin(), first_step());
    if (loads_while_copied()) steps.push_back(copy_step());
    steps.push_back(done_step());
    return steps;
  }

  /// The new data, the old ones beside them, and the AOF that Redis begins.
  void check_room() const {
    const long long room = free_bytes(data_of(m_instance));
    if (room < 0 || room > m_plan.bytes + m_plan.bytes / 10) return;
    throw Error(ExitCode::preflight,
                fmt::format("{} has room for {}, and the backup takes {} beside the data that are there",
                            m_context.paths.shown(data_of(m_instance)), format_bytes(room), format_bytes(m_plan.bytes)),
                "make room first");
  }

 private:
  /// Redis never writes into the base of an AOF that is a folder, nor into its RDB: it makes a new file and renames it.
  /// So it may begin with the backup itself, and load while that is copied. An AOF of one file it appends to.
  bool loads_while_copied() const { return m_plan.files.has_folder() || !m_plan.files.aof; }

  /// So that the data that are kept for the way back are the newest.
  Step first_step() {
    Step step;
    step.name = "handover";
    step.intent = fmt::format("make {} the master, if it is not", node_name(m_instance.release(), 0));
    step.undo = [] { return std::vector<Undo>{}; };
    step.act = [this]() -> StepResult {
      constexpr Duration patience = std::chrono::seconds(10);
      LocalNodes nodes(m_context, m_instance, *m_instance.state());
      make_first_the_master(nodes, node_address(0), m_context.runner, patience, m_context.deadline,
                            [this](const std::string& text) { m_context.reporter.step_progress("handover", text); });
      return {Outcome::unchanged, node_name(m_instance.release(), 0) + " is the master"};
    };
    return step;
  }

  Step file_step() {
    Step step;
    step.name = "file";
    step.intent =
        loads_while_copied()
            ? fmt::format("begin to copy {} ({}) beside the data", m_plan.file.string(), format_bytes(m_plan.bytes))
            : fmt::format("copy {} ({}) beside the data", m_plan.file.string(), format_bytes(m_plan.bytes));
    step.undo = [this]() -> std::vector<Undo> { return {undo_file(m_incoming)}; };
    step.act = [this]() -> StepResult {
      const DataFiles& files = m_plan.files;
      const fs::path target = m_incoming / files.rdb();
      m_context.files.make_private_directory(m_incoming);
      m_context.files.make_private_directory(target.parent_path());
      if (files.has_folder())
        m_context.files.write_atomic(target.parent_path() / (files.base + ".manifest"), aof_manifest(files.base));
      if (!loads_while_copied()) {
        start_copy(target);
        finish_copy();
        return {Outcome::changed, format_bytes(m_plan.bytes)};
      }
      m_context.files.make_link(fs::canonical(m_plan.file), target);
      start_copy(m_incoming / copy_name);
      return {Outcome::changed, ""};
    };
    return step;
  }

  std::map<std::string, std::string> incoming() const { return {{incoming_argument, m_incoming.filename()}}; }

  /// Starts a thread that copies the file, syncs the copy to the disk and computes its SHA-256.
  void start_copy(const fs::path& to) {
    m_copy = m_context.files.new_file(to);
    m_copying = std::make_unique<Background>([this](const std::atomic<bool>& stop) {
      Sha256 hash;
      read_in_pieces(m_plan.file, [&](std::string_view piece) {
        if (stop) throw Error(ExitCode::failure, "the copy was stopped");
        hash.add(piece);
        m_copy->write(piece);
      });
      m_copy->sync();
      m_hash = hash.hex();
    });
  }

  /// Waits for the copy. Throws Error (failure) when it is not what was looked at.
  void finish_copy() {
    m_copying->join(m_context.runner, m_context.deadline);
    if (!m_plan.sha256.empty() && m_hash != m_plan.sha256)
      throw Error(ExitCode::failure,
                  m_plan.hashed ? fmt::format("{} has changed since it was looked at", m_plan.file.string())
                                : damaged_backup(m_plan.file),
                  "restore another one");
    if (file_stamp(m_plan.file) != m_plan.stamp)
      throw Error(ExitCode::failure, fmt::format("{} has changed since it was looked at", m_plan.file.string()),
                  "restore it again when nothing writes to it");
    m_copy->keep();
  }

  Step stop_step() {
    Step step;
    step.name = "stop";
    step.intent = "stop Redis; clients are refused from here on";
    step.undo = [this]() -> std::vector<Undo> {
      return {{"restore.local_start", incoming(), start_by_hand(m_instance)}};
    };
    step.act = [this]() -> StepResult {
      const auto pid = m_instance.pid();
      if (!pid && !m_instance.several()) return {Outcome::unchanged, "it did not run"};
      m_instance.stop(m_context.runner, m_context.deadline);
      return {Outcome::changed, pid ? fmt::format("pid {}", *pid) : ""};
    };
    return step;
  }

  Step data_step() {
    const std::string name = m_plan.files.name();
    Step step;
    step.name = "data";
    step.intent = fmt::format("rename {} to {}/{}, and the new data into its place", name, before_restore, name);
    step.undo = [this, name]() -> std::vector<Undo> {
      const fs::path live = data_of(m_instance) / name, before = before_of(m_instance);
      const bool had = fs::exists(live);
      const auto quoted = [](const fs::path& path) { return shell_quote(path.string()); };
      return {{"restore.local_swap",
               {{"name", name}, {"had", had ? "yes" : "no"}, {incoming_argument, m_incoming.filename()}},
               had ? fmt::format("rm -rf {} && mv {} {}", quoted(live), quoted(before / name), quoted(live))
                   : fmt::format("rm -rf {} {}", quoted(live), quoted(before))}};
    };
    step.act = [this, name]() -> StepResult {
      const fs::path live = data_of(m_instance) / name, before = before_of(m_instance);
      m_context.files.make_private_directory(before);
      put_aside(m_context, m_instance);
      if (fs::exists(live)) m_context.files.rename(live, before / name);
      m_context.files.rename(m_incoming / name, live);
      return {Outcome::changed, fmt::format("the old data are in {}", m_context.paths.shown(before))};
    };
    return step;
  }

  Step start_step() {
    Step step;
    step.name = "start";
    step.intent = "start Redis with the new data";
    step.undo = [this]() -> std::vector<Undo> {
      return {{"restore.local_stop", incoming(),
               fmt::format("kill $(cat {})", shell_quote((m_instance.folder() / "redis.pid").string()))}};
    };
    step.act = [this]() -> StepResult {
      start_instance(m_context, m_instance, m_context.deadline);
      return {Outcome::changed, ""};
    };
    return step;
  }

  Step compare_step() {
    Step step;
    step.name = "compare";
    step.intent = "wait until Redis has loaded them, and compare the counts";
    step.undo = [] { return std::vector<Undo>{}; };
    step.act = [this]() -> StepResult {
      const InstalledRedis installed = find_local(m_context, m_settings);
      LocalConnector connector(m_context.redis, m_instance);
      const RedisEndpoint endpoint{installed.host, installed.port, installed.admin.username, installed.admin.password};
      const auto redis =
          wait_for_pong(connector, endpoint, m_context.runner, m_context.deadline, [this](const std::string& text) {
            if (!m_instance.pid())
              throw Error(ExitCode::failure, "Redis ended: " + printable(m_instance.last_words()),
                          "its log: " + m_instance.log().string());
            m_context.reporter.step_progress("compare", text);
          });
      return {Outcome::unchanged, compare_counts(m_plan, *redis)};
    };
    return step;
  }

  Step copy_step() {
    Step step;
    step.name = "copy";
    step.intent = "wait until the copy is on the disk, and put it where Redis has read the backup itself";
    step.undo = [] { return std::vector<Undo>{}; };
    step.act = [this]() -> StepResult {
      finish_copy();
      // where Redis has begun a new file meanwhile, nobody needs this one
      m_context.files.replace_link(m_copy->path(), data_of(m_instance) / m_plan.files.rdb());
      return {Outcome::changed, format_bytes(m_plan.bytes)};
    };
    return step;
  }

  Step done_step() {
    Step step;
    step.name = "old data";
    step.intent = m_plan.keep_old ? "keep them beside the new ones: there is no copy of them" : "remove them";
    step.undo = [] { return std::vector<Undo>{}; };
    step.act = [this]() -> StepResult {
      m_context.files.remove_tree(m_incoming);  // first: see is_done
      if (m_plan.keep_old) {
        m_context.files.rename(before_of(m_instance), m_kept);
        remove_aside(m_context, m_instance);
        return {Outcome::changed, "kept in " + m_context.paths.shown(m_kept)};
      }
      m_context.files.rename(before_of(m_instance), replaced_of(m_instance));
      try {
        remove_replaced(m_context, m_instance);
      } catch (const Error& error) {  // the restore is done: the next one removes it
        m_context.reporter.warning("the old data are still there: " + error.message());
      }
      return {Outcome::changed, "removed"};
    };
    return step;
  }

  Context& m_context;
  const RedisSettings& m_settings;
  const RestorePlan& m_plan;
  LocalInstance m_instance;
  fs::path m_incoming, m_kept;
  std::unique_ptr<NewFile> m_copy;
  std::string m_hash;                     ///< SHA-256 of the copy, once it is complete
  std::unique_ptr<Background> m_copying;  ///< writes to the two above, so it is destroyed first
};

}  // namespace

void add_restore_undos(UndoTable& table, Context& context, const LocalInstance& instance,
                       const std::function<TimePoint()>& until) {
  table["restore.local_start"] = [&context, instance, until](const auto& arguments) {
    // one that runs may be about to end: the run may have asked it to
    if (!is_done(instance, arguments)) instance.stop(context.runner, until());
    start_instance(context, instance, until());
  };
  table["restore.local_stop"] = [&context, instance, until](const auto& arguments) {
    if (is_done(instance, arguments)) throw Kept("");
    instance.stop(context.runner, until());
  };
  table["restore.local_swap"] = [&context, instance](const auto& arguments) {
    if (is_done(instance, arguments)) {
      remove_replaced(context, instance);
      throw Kept("the restore was done for good, and the new data stay");
    }
    swap_back(context, instance, arguments.at("name"), arguments.at("had") == "yes");
  };
}

std::string restore_local(Context& context, const RedisSettings& settings, const RestorePlan& plan) {
  const std::string subject = fmt::format("release {} on this machine", settings.release);
  const LocalInstance instance(context, settings.release);
  if (!instance.exists() || instance.removed()) throw_not_installed(context, subject);
  JournaledRun run(
      context, {"restore redis", subject, journal_key("", settings.name_space, settings.release), instance.folder()},
      undo_limit);
  refuse_left_of_another_command(context, run, "restore ");
  LocalRestore restore(context, settings, plan, run.id());
  restore.check_room();
  add_common_undos(run.undos(), context, []() -> RedisConnection& {
    throw Error(ExitCode::remains, "a restore alone leaves nothing in Redis to undo");
  });
  add_restore_undos(run.undos(), context, instance, [&run] { return run.undo_until(); });
  if (context.guard.dry_run()) return describe_plan(restore.plan());
  if (plan.agree) plan.agree();
  const bool interrupted = run.open();
  run.before([&] {
    if (interrupted) run.recover();
    refuse_unknown_leftovers(context, instance);
    remove_replaced(context, instance);  // of a restore that was done
  });
  run.execute(restore.plan());
  return "";
}

}  // namespace raibid
