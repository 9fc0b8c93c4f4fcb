#include "components/redis/run/steps.hpp"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/server/running_config.hpp"
#include "components/redis/server/streams.hpp"
#include "sys/files.hpp"

namespace raibid {

namespace {

std::string describe_streams(const std::vector<StreamSpec>& streams) {
  std::vector<std::string> parts;
  for (const StreamSpec& stream : streams) {
    parts.push_back(fmt::format("{}, group {}", stream.name, join(stream.groups, ", ")));
  }
  return join(parts, "; ");
}

// A group that was made for nobody goes; its stream with it only when nothing was written meanwhile.
void destroy_group(RedisConnection& redis, const std::string& stream, const std::string& group) {
  const RedisReply destroyed = redis.command({"XGROUP", "DESTROY", stream, group});
  if (destroyed.is_error() && destroyed.text.find("requires the key to exist") == std::string::npos) {
    throw Error(ExitCode::failure, fmt::format("group {} of stream {}: {}", group, stream, destroyed.text));
  }
  const RedisReply length = redis.command({"XLEN", stream});
  const RedisReply groups = redis.command({"XINFO", "GROUPS", stream});
  if (!length.is_error() && length.integer == 0 && groups.items.empty()) checked(redis, {"DEL", stream});
}

fs::path previous_of(const fs::path& path) { return path.string() + ".previous"; }

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

Step credentials_step(const Context& context, const Credentials& credentials) {
  Step step;
  step.name = "credentials";
  step.intent = fmt::format("write {} (0600)", context.paths.shown(credentials.path));
  step.undo = [&credentials]() -> std::vector<Undo> {
    const fs::path& path = credentials.path;
    if (credentials_are_saved(credentials, path)) return {};
    if (!read_file(path)) return {undo_file(path)};
    return {{"file.restore", {{"path", path}}, shell_join(std::vector<std::string>{"mv", previous_of(path), path})}};
  };
  step.act = [&context, &credentials]() -> StepResult {
    const fs::path& path = credentials.path;
    const std::string shown = fmt::format("{} (0600)", context.paths.shown(path));
    if (credentials_are_saved(credentials, path)) return {Outcome::unchanged, shown};
    // kept until the run is over: what it holds is secret, so it cannot be in the journal
    if (const std::optional<std::string> present = read_file(path))
      context.files.write_atomic(previous_of(path), *present);
    save_credentials(context.files, credentials, path);
    context.files.remove_tree(previous_of(path));
    return {Outcome::changed, shown};
  };
  return step;
}

std::string settle_config(const RedisSettings& settings, RedisConnection& redis, bool& changed) {
  changed = false;
  for (const Difference& difference : config_differences(redis, settings.directives)) {
    const RedisReply reply = redis.command({"CONFIG", "SET", difference.name, difference.wanted});
    changed = changed || !reply.is_error();
  }
  std::vector<std::string> wrong;
  for (const Difference& difference : config_differences(redis, settings.directives)) {
    wrong.push_back(
        fmt::format("{} is \"{}\" instead of \"{}\"", difference.name, difference.running, difference.wanted));
  }
  if (!wrong.empty()) {
    throw Error(ExitCode::failure, "Redis runs with other settings than were asked for: " + join(wrong, "; "),
                "the chart may not pass them on, or another tool changes them; the embedded chart does pass them "
                "(--chart embedded)");
  }
  return describe_redis(redis);
}

Undo undo_file(const fs::path& path) {
  return {"file.remove", {{"path", path}}, "rm -rf " + shell_quote(path.string())};
}

void add_common_undos(UndoTable& table, const Files& files, const RedisSource& redis) {
  table["redis.destroy_group"] = [redis](const auto& arguments) {
    destroy_group(redis(), arguments.at("stream"), arguments.at("group"));
  };
  table["redis.config_set"] = [redis](const auto& arguments) {
    checked(redis(), {"CONFIG", "SET", arguments.at("name"), arguments.at("value")});
  };
  table["file.remove"] = [files](const auto& arguments) { files.remove_tree(arguments.at("path")); };
  table["file.restore"] = [files](const auto& arguments) {
    const fs::path path = arguments.at("path");
    if (const std::optional<std::string> previous = read_file(previous_of(path))) {
      files.write_atomic(path, *previous);
      files.remove_tree(previous_of(path));
    }
  };
}

}  // namespace raibid
