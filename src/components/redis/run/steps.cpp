#include "components/redis/run/steps.hpp"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/run/home_lock.hpp"
#include "components/redis/server/running_config.hpp"
#include "components/redis/server/streams.hpp"
#include "sys/files.hpp"
#include "sys/trust.hpp"

namespace raibid {

namespace {

std::string describe_streams(const std::vector<StreamSpec>& streams) {
  std::vector<std::string> parts;
  for (const StreamSpec& stream : streams) {
    parts.push_back(fmt::format("{}, group {}", stream.name, join(stream.groups, ", ")));
  }
  return join(parts, "; ");
}

/// Whether the group of an answer to XINFO GROUPS has consumers or jobs that were delivered.
bool in_use(const RedisReply& groups, const std::string& name) {
  for (const RedisReply& group : groups.items) {
    std::map<std::string, const RedisReply*> fields;
    for (std::size_t i = 0; i + 1 < group.items.size(); i += 2) fields[group.items[i].text] = &group.items[i + 1];
    const auto number = [&](const char* field) { return fields.contains(field) ? fields.at(field)->integer : 0; };
    if (fields.contains("name") && fields.at("name")->text == name) return number("consumers") + number("pending") > 0;
  }
  return false;
}

// A group that was made for nobody goes; its stream with it only when nothing was written meanwhile.
void destroy_group(RedisConnection& redis, const std::string& stream, const std::string& group) {
  const RedisReply present = redis.command({"XINFO", "GROUPS", stream});
  if (present.is_error() && present.text.find("no such key") != std::string::npos) return;  // it was never made
  if (in_use(present, group))
    throw Kept(fmt::format("group {} of stream {} is kept: someone works in it", group, stream));
  const RedisReply destroyed = redis.command({"XGROUP", "DESTROY", stream, group});
  if (destroyed.is_error() && destroyed.text.find("requires the key to exist") == std::string::npos) {
    throw Error(ExitCode::failure, fmt::format("group {} of stream {}: {}", group, stream, destroyed.text));
  }
  const RedisReply length = redis.command({"XLEN", stream});
  const RedisReply groups = redis.command({"XINFO", "GROUPS", stream});
  if (!length.is_error() && length.integer == 0 && groups.items.empty()) checked(redis, {"DEL", stream});
}

fs::path previous_of(const fs::path& path) { return path.string() + ".previous"; }

constexpr const char* credentials_lock = "credentials.lock";

/// A name that is free when this is recorded may be another run's when it is undone after a kill.
Undo undo_credentials(const Credentials& credentials) {
  return {"credentials.remove",
          {{"path", credentials.path.string()},
           {"target", credentials.target},
           {"cluster_uid", credentials.cluster_uid},
           {"namespace", credentials.name_space},
           {"release", credentials.release}},
          "rm -f " + shell_quote(credentials.path.string())};
}

void remove_if_theirs(const Files& files, const fs::path& path, const Credentials& owner) {
  const std::optional<Credentials> there = read_credentials(path);
  if (there && same_owner(*there, owner)) files.remove_tree(path);
}

/// The path that a journal names, which is only a file of ours when it is in the home.
fs::path inside_home(const Paths& paths, const std::string& text) {
  if (is_inside(paths.home, text)) return text;
  throw Error(ExitCode::remains,
              fmt::format("the journal names {}, which is not in {}: it is left alone", printable(text),
                          printable(paths.home.string())),
              "such a journal comes from a home that was moved; look at it in " + paths.journal().string());
}

}  // namespace

Step stream_step(const RedisSettings& settings, const RedisSource& redis) {
  Step step;
  step.name = "stream";
  step.intent = "create " + describe_streams(settings.streams) + " (at 0, so that jobs added earlier are delivered)";
  step.undo = [settings, redis] {
    std::vector<Undo> undos;
    for (const auto& [stream, group] : missing_groups(redis(), settings.streams)) {
      undos.push_back({"redis.destroy_group",
                       {{"stream", stream}, {"group", group}},
                       shell_join(std::vector<std::string>{"redis-cli", "XGROUP", "DESTROY", stream, group})});
    }
    return undos;
  };
  step.act = [settings, redis]() -> StepResult {
    const int made = create_groups(redis(), settings.streams);
    return {made > 0 ? Outcome::changed : Outcome::unchanged, describe_streams(settings.streams)};
  };
  return step;
}

Step credentials_step(Context& context, Credentials& credentials, const std::string& preset) {
  Step step;
  const auto lock = std::make_shared<std::shared_ptr<HomeLock>>();  // from choosing the name to the written file
  step.name = "credentials";
  step.intent = fmt::format("write {} (0600)", context.paths.shown(credentials.path));
  step.undo = [&context, &credentials, preset, lock]() -> std::vector<Undo> {
    auto held = lock_home(context, credentials_lock);
    credentials.path = credentials_path(context.paths, credentials, preset);
    const fs::path& path = credentials.path;
    const bool saved = credentials_are_saved(credentials, path);
    const bool there = read_own_file(path).has_value();
    *lock = std::move(held);
    if (saved) return {};
    if (!there) return {undo_credentials(credentials)};
    return {{"file.restore", {{"path", path}}, shell_join(std::vector<std::string>{"mv", previous_of(path), path})}};
  };
  step.act = [&context, &credentials, lock]() -> StepResult {
    const std::shared_ptr<HomeLock> held = std::move(*lock);
    const fs::path& path = credentials.path;
    const std::string shown = fmt::format("{} (0600)", context.paths.shown(path));
    if (credentials_are_saved(credentials, path)) return {Outcome::unchanged, shown};
    // kept until the run is over: what it holds is secret, so it cannot be in the journal
    if (const std::optional<std::string> present = read_own_file(path))
      context.files.write_own_file(previous_of(path), *present);
    save_credentials(context.files, credentials, path);
    context.files.remove_tree(previous_of(path));
    return {Outcome::changed, shown};
  };
  return step;
}

std::string settle_config(const Directives& directives, RedisConnection& redis, bool& changed) {
  changed = false;
  for (const Difference& difference : config_differences(redis, directives)) {
    const RedisReply reply = redis.command({"CONFIG", "SET", difference.name, difference.wanted});
    changed = changed || !reply.is_error();
  }
  std::vector<std::string> wrong;
  for (const Difference& difference : config_differences(redis, directives)) {
    wrong.push_back(
        fmt::format("{} is \"{}\" instead of \"{}\"", difference.name, difference.running, difference.wanted));
  }
  if (!wrong.empty()) {
    throw Error(ExitCode::failure, "Redis runs with other settings than requested: " + join(wrong, "; "),
                "the chart may not pass them on, or another tool changes them; the embedded chart does pass them "
                "(--chart embedded)");
  }
  return describe_redis(redis);
}

std::vector<Undo> undo_settling(const Directives& directives, RedisConnection& redis) {
  std::vector<Undo> undos;
  for (const Difference& difference : config_differences(redis, directives)) {
    undos.push_back(
        {"redis.config_set",
         {{"name", difference.name}, {"value", difference.running}},
         shell_join(std::vector<std::string>{"redis-cli", "CONFIG", "SET", difference.name, difference.running})});
  }
  return undos;
}

std::string remove_credentials(Context& context, const Credentials& credentials) {
  const auto held = lock_home(context, credentials_lock);
  remove_if_theirs(context.files, credentials.path, credentials);
  return context.paths.shown(credentials.path) + " removed";
}

Undo undo_file(const fs::path& path) {
  return {"file.remove", {{"path", path}}, "rm -rf " + shell_quote(path.string())};
}

void add_common_undos(UndoTable& table, const Context& context, const RedisSource& redis) {
  const Files& files = context.files;
  const Paths& paths = context.paths;
  table["redis.destroy_group"] = [redis](const auto& arguments) {
    destroy_group(redis(), arguments.at("stream"), arguments.at("group"));
  };
  table["redis.config_set"] = [redis](const auto& arguments) {
    checked(redis(), {"CONFIG", "SET", arguments.at("name"), arguments.at("value")});
  };
  table["credentials.remove"] = [files, paths](const auto& arguments) {
    Credentials owner;
    owner.target = arguments.at("target");
    owner.cluster_uid = arguments.at("cluster_uid");
    owner.name_space = arguments.at("namespace");
    owner.release = arguments.at("release");
    remove_if_theirs(files, inside_home(paths, arguments.at("path")), owner);
  };
  table["file.remove"] = [files, paths](const auto& arguments) {
    files.remove_tree(inside_home(paths, arguments.at("path")));
  };
  table["file.restore"] = [files, paths](const auto& arguments) {
    const fs::path path = inside_home(paths, arguments.at("path"));
    if (const std::optional<std::string> previous = read_own_file(previous_of(path))) {
      files.write_own_file(path, *previous);
      files.remove_tree(previous_of(path));
    }
  };
}

}  // namespace raibid
