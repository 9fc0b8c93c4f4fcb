#include "components/redis/commands/backup/backup.hpp"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/json.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/result_format.hpp"

namespace raibid {

namespace {

using Kind = OptionKind;

OptionSpec flag_of_run(std::string_view name, std::string_view help) {
  return {.name = name, .help = help, .kind = Kind::flag, .flag_only = true};
}

OptionSpec number_of_run(std::string_view name, std::string_view help) {
  return {.name = name, .help = help, .kind = Kind::integer, .metavar = "N", .flag_only = true};
}

OptionSpec no_verify() { return flag_of_run("no-verify", "Do not load the copy into a redis-server of this machine"); }

OptionSpec keep() { return number_of_run("keep", "Keep this many of the newest backups of this Redis"); }

}  // namespace

std::vector<ComponentCommand> backup_commands() {
  return {
      {"backup",
       "Take a consistent copy of all data, and prove that it can be loaded",
       {no_verify(), keep()},
       backup_redis,
       "TO"},
      {"backup", "List the backups of a folder", {}, backup_ls, "TO", "ls"},
      {"backup",
       "Load a backup into a scratch server and compare it with its manifest",
       {},
       backup_verify,
       "FILE",
       "verify"},
      {"backup",
       "Remove old backups, and nothing else",
       {keep(), number_of_run("keep-daily", "Keep the newest of each of the last N days"),
        number_of_run("keep-weekly", "Keep the newest of each of the last N weeks")},
       backup_prune,
       "TO",
       "prune"},
      {"backup",
       "Restore the newest backup into a throw-away server, and run the preset's smoke operations there; for CI",
       {{.name = "max-age",
         .help = "Exit with 1 when the newest backup is older than this",
         .kind = Kind::duration,
         .metavar = "TIME",
         .flag_only = true}},
       backup_drill,
       "TO",
       "drill"},
      {"restore",
       "Replace the data by those of a backup; the old ones stay until the new ones are proved",
       {no_verify(),
        flag_of_run("no-copy", "Take no backup of the present data first"),
        flag_of_run("live", "Key by key into a running Redis that is empty, for one whose files are not at hand"),
        {.name = "to-time",
         .help = "Instead of FROM: what this Redis itself held at that time, of its AOF",
         .metavar = "TIME",
         .flag_only = true}},
       restore_redis,
       "[FROM]"},
  };
}

CommandResult backup_result(const Context& context, const std::function<std::string()>& text,
                            const nlohmann::ordered_json& object) {
  if (context.format() == OutputFormat::table) return {text()};
  return {formatted(object, context.format())};
}

std::string about_backup(const BackupManifest& manifest) {
  return fmt::format("{} of {}, {}, {}", format_bytes(manifest.bytes), printable(manifest.taken),
                     manifest.counts.text(), manifest.verified ? "verified" : "not verified");
}

}  // namespace raibid
