#include "components/redis/commands/bundle.hpp"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "assets/assets.hpp"
#include "base/error.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/redis/commands/images.hpp"
#include "components/redis/commands/support/archive.hpp"
#include "components/redis/settings/record.hpp"
#include "components/result_format.hpp"
#include "sys/files.hpp"

namespace raibid {

namespace {

constexpr std::size_t largest_program = std::size_t{1} << 30;

/// On the machine without network, in the folder of the archive.
std::string how_to(const std::vector<std::string>& images, const std::string& setup) {
  std::string text =
      "# What is in here\n\n"
      "raibid-cli    the program; it has its chart in itself\n"
      "chart/        the same chart, to read\n"
      "images.txt    the images that the cluster pulls\n\n"
      "# Where there is a network: fetch the images\n\n";
  for (const std::string& image : images) text += fmt::format("docker pull {}\n", image);
  text += fmt::format("docker save -o images.tar {}\n\n", join(images, " "));
  return text +
         "# On the machine without one\n\n"
         "k3s ctr images import images.tar     # or push them to a registry of your own, and name it with --image\n"
         "install -m 755 raibid-cli /usr/local/bin/\n" +
         setup + "\n";
}

}  // namespace

CommandResult bundle_redis(Context& context, const std::vector<std::string>& words) {
  if (words.size() != 1)
    throw Error(ExitCode::usage, "bundle redis: into which file?", "name one that is not there yet: bundle.tar.gz");
  const fs::path file = words.front();
  const std::string shown = printable(file.string());
  std::error_code ignored;
  if (fs::exists(fs::symlink_status(file, ignored)))
    throw Error(ExitCode::usage, fmt::format("{} already exists and is not overwritten", shown), "name another file");
  const std::vector<std::string> images = images_of(context);
  if (context.guard.dry_run()) return told(fmt::format("Would write {}. Nothing was changed (--dry-run).\n", shown));
  const std::optional<std::string> program = read_file("/proc/self/exe", largest_program);
  if (!program) throw Error(ExitCode::failure, "this program cannot be read: /proc/self/exe");
  std::vector<ArchiveFile> files = {
      {"raibid-cli", *program, 0755},
      {"images.txt", join(images, "\n") + "\n", 0644},
      {"README.md", how_to(images, context.scope().command("setup redis", setup_flags(context))), 0644}};
  const std::string folder = "charts/redis/";
  for (const std::string_view path : assets_below(folder))
    files.push_back({"chart/" + std::string(path.substr(folder.size())), std::string(asset(path)), 0644});
  const std::string archive = tar_gz(files, context.clock.wall());
  if (!context.files.create_file(file, archive))
    throw Error(ExitCode::failure, fmt::format("{} was made by someone else meanwhile", shown), "name another file");
  if (context.format() != OutputFormat::table) {
    const nlohmann::ordered_json object = {{"file", file.string()}, {"bytes", archive.size()}, {"images", images}};
    return {formatted(object, context.format())};
  }
  return {fmt::format(
      "{} ({}) is written: this program, its chart and the list of {}. Its README.md says what to do.\n", shown,
      format_bytes(static_cast<std::int64_t>(archive.size())), counted(std::ssize(images), "image", "images"))};
}

}  // namespace raibid
