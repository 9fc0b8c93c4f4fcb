// `restore redis --to-time`: what a Redis held at a moment, of its own AOF.
#include "components/redis/commands/backup/point_in_time.hpp"

#include <charconv>
#include <fstream>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/place/local/scratch_server.hpp"
#include "sys/new_file.hpp"
#include "sys/process.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

/// A rewrite that ends meanwhile replaces the files: then they are copied again.
constexpr int most_copies = 5;
constexpr Duration copy_patience = std::chrono::seconds(60);
/// What Redis writes before the commands of a second (aof-timestamp-enabled).
constexpr std::string_view time_mark = "#TS:";

std::string config(RedisConnection& redis, const char* name) {
  const RedisReply reply = redis.command({"CONFIG", "GET", name});
  const RedisReply* const value = reply.is_error() ? nullptr : reply.field(name);
  return value == nullptr ? "" : value->text;
}

[[noreturn]] void refuse_moment(const std::string& message, const std::string& hint) {
  throw Error(ExitCode::preflight, message, hint);
}

std::string whole(Place& place, const std::string& file) {
  std::string text;
  place.read_data_file(file, [&text](std::string_view piece) { text += piece; });
  return text;
}

/// The AOF in `folder`, as it is at one moment.
void copy_aof(Context& context, Place& place, const std::string& directory, const std::string& base,
              const fs::path& folder) {
  const std::string manifest = base + ".manifest";
  for (int copy = 0; copy < most_copies; ++copy) {
    context.files.remove_tree(folder);
    context.files.make_private_directory(folder);
    const std::string before = whole(place, directory + "/" + manifest);
    try {
      for (const std::string& part : aof_parts(before)) {
        const auto file = context.files.new_file(folder / part);
        place.read_data_file(directory + "/" + part, [&](std::string_view piece) { file->write(piece); });
        file->keep();
      }
    } catch (const Error&) {
      // a part that is gone was replaced, as the manifest says then
      if (whole(place, directory + "/" + manifest) == before) throw;
      continue;
    }
    if (whole(place, directory + "/" + manifest) != before) continue;
    context.files.write_atomic(folder / manifest, before);
    return;
  }
  throw Error(ExitCode::failure, "the AOF was rewritten while it was copied", "run this again");
}

/// The first second that an AOF says of itself; std::nullopt for none. Only at the beginning of a command is a line
/// that begins with #TS: a time.
std::optional<std::int64_t> first_time_in(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  const auto number = [](const std::string& line, std::size_t from) {
    std::int64_t value = -1;
    std::from_chars(line.data() + from, line.data() + line.size(), value);
    return value;
  };
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(time_mark)) return number(line, time_mark.size());
    if (line.starts_with('#')) continue;
    if (!line.starts_with('*')) return std::nullopt;
    for (std::int64_t words = number(line, 1); words > 0; --words) {
      if (!std::getline(in, line) || !line.starts_with('$')) return std::nullopt;
      in.seekg(number(line, 1) + 2, std::ios::cur);
    }
  }
  return std::nullopt;
}

bool begins_as_rdb(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string first(5, '\0');
  in.read(first.data(), 5);
  return first == "REDIS" || first == "VALKE";
}

/// Whether what is left after the cut has a time mark at or before `moment`. Without one the data of that moment is not
/// known: the base came from a later rewrite or restore, or time marks were turned on later.
bool reaches_back(const fs::path& folder, const std::vector<std::string>& parts, std::int64_t moment) {
  for (const std::string& part : parts) {
    if (begins_as_rdb(folder / part)) continue;
    if (const auto first = first_time_in(folder / part)) return *first <= moment;
  }
  return false;
}

/// Cuts the AOF in `folder` at a moment. While it is rewritten, and after a rewrite that failed, it has several parts
/// that are written to one after the other; redis-check-aof cuts the last one alone.
void cut(Context& context, const fs::path& folder, const std::string& base,
         std::chrono::system_clock::time_point moment) {
  const fs::path manifest = folder / (base + ".manifest");
  const auto seconds = unix_seconds(moment);
  const auto refuse = [&] {
    refuse_moment(
        fmt::format("the AOF begins after {}: it was rewritten or restored since, or nothing was written before",
                    rfc3339(moment)),
        "restore a backup of before");
  };
  std::vector<std::string> lines = split(trim(read_file(manifest).value_or("")), '\n');
  for (;;) {
    const Output output =
        run(context.runner,
            {{"redis-check-aof", "--truncate-to-timestamp", std::to_string(seconds), manifest.string()}, "", {}},
            context.deadline);
    if (output.ok()) break;
    const std::string said(trim(output.out + output.err));
    const bool is_later = said.find("nothing before timestamp") != std::string::npos ||
                          said.find("it is not the last file") != std::string::npos;
    if (!is_later) {
      throw Error(ExitCode::failure, "redis-check-aof cannot cut the AOF: " + printable(split(said, '\n').back()),
                  "run this again: the last command may have been half written when it was copied");
    }
    lines.pop_back();
    if (aof_parts(join(lines, "\n")).empty()) refuse();
    context.files.write_atomic(manifest, join(lines, "\n") + "\n");
  }
  if (!reaches_back(folder, aof_parts(join(lines, "\n")), seconds)) refuse();
}

class FileSink final : public DumpSink {
 public:
  explicit FileSink(NewFile& file) : m_file(file) {}
  void waiting() override {}
  void take(std::string_view bytes) override { m_file.write(bytes); }

 private:
  NewFile& m_file;
};

}  // namespace

std::vector<std::string> aof_parts(const std::string& manifest) {
  std::vector<std::string> parts;
  for (const std::string& line : split(manifest, '\n')) {
    const std::vector<std::string> words = split(line, ' ');
    if (line.empty() || line.starts_with('#')) continue;
    if (words.size() < 6 || words[0] != "file" || words[1].find('/') != std::string::npos || words[1].starts_with('.'))
      throw Error(ExitCode::failure, "the manifest of the AOF has a line that is not understood: " + printable(line));
    if (words[5] != "h") parts.push_back(words[1]);  // h: history, to be deleted
  }
  return parts;
}

fs::path rdb_of_moment(Context& context, Place& place, const std::string& moment, const fs::path& folder) {
  const auto time = parse_rfc3339(moment);
  if (!time)
    throw Error(ExitCode::usage, fmt::format("--to-time: {} is no time", printable(moment)),
                "write it in UTC: 2026-01-31T09:08:07Z");
  if (*time > context.clock.wall())
    throw Error(ExitCode::usage, fmt::format("--to-time: {} has not come yet", printable(moment)));
  const auto server = find_scratch_server(context);
  if (!server) {
    refuse_moment("there is no redis-server on this machine, which cuts the AOF and loads it",
                  "install it: sudo apt-get install redis-server");
  }
  const auto redis = place.administer(context.deadline);
  const std::string directory = config(*redis, "appenddirname"), base = config(*redis, "appendfilename");
  if (directory.empty()) refuse_moment("this Redis is older than 7, and has no times in its AOF", "restore a backup");
  if (config(*redis, "appendonly") != "yes") refuse_moment("this Redis has no AOF", "restore a backup");
  if (config(*redis, "aof-timestamp-enabled") != "yes") {
    refuse_moment("this Redis writes no times into its AOF (aof-timestamp-enabled)",
                  "restore a backup; for the next time set `aof-timestamp-enabled: yes` in the preset's `redis`");
  }
  const fs::path data = folder / "aof", rdb = folder / "moment.rdb";
  copy_aof(context, place, directory, base, data / directory);
  cut(context, data / directory, base, *time);
  ScratchServer scratch(context, server->program, ScratchServer::Aof{data, directory, base});
  const auto file = context.files.new_file(rdb);
  FileSink sink(*file);
  const RedisReply reply = scratch.connect()->dump(sink, copy_patience);
  if (reply.is_error()) throw Error(ExitCode::failure, "the server of this machine: " + printable(reply.text));
  file->sync();
  file->keep();
  return rdb;
}

}  // namespace raibid
