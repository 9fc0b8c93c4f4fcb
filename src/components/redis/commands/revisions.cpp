#include "components/redis/commands/revisions.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <set>

#include <fmt/format.h>

#include "assets/assets.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/place/place.hpp"
#include "components/redis/run/agree.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/settings/author.hpp"
#include "components/redis/settings/change.hpp"
#include "components/redis/settings/options.hpp"
#include "components/redis/settings/record.hpp"
#include "components/redis/settings/redis_releases.hpp"
#include "components/result_format.hpp"
#include "config/yaml.hpp"
#include "ui/reporter.hpp"
#include "ui/table.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;

/// As it is typed: "--tls", "--tls=false", "--memory-limit 1Gi".
std::string chosen_text(const Choices& chosen, const std::string& option) {
  const auto found = chosen.find(option);
  if (found == chosen.end()) return "";
  const std::vector<std::string>& values = found->second.values;
  const std::vector<OptionSpec>& options = redis_options();
  const bool is_flag = std::any_of(options.begin(), options.end(), [&](const OptionSpec& one) {
    return one.name == option && one.kind == OptionKind::flag;
  });
  if (!is_flag) return fmt::format("--{} {}", option, join(values, ","));
  return values == std::vector<std::string>{"true"} ? "--" + option : fmt::format("--{}={}", option, join(values, ","));
}

/// What was chosen otherwise than in the revision before: "--memory-limit 1Gi (was 512Mi)".
std::vector<std::string> changes_of(const Spec& before, const Spec& after) {
  std::vector<std::string> changes;
  if (before.preset != after.preset) changes.push_back("preset " + after.preset);
  std::set<std::string> options;
  for (const auto& [option, choice] : before.chosen) options.insert(option);
  for (const auto& [option, choice] : after.chosen) options.insert(option);
  for (const std::string& option : options) {
    const std::string was = chosen_text(before.chosen, option);
    const std::string is = chosen_text(after.chosen, option);
    if (was == is || option == "preset") continue;
    if (is.empty()) {
      changes.push_back(fmt::format("no --{}", option));
    } else if (was.empty()) {
      changes.push_back(is);
    } else {
      changes.push_back(fmt::format("{} (was {})", is, join(before.chosen.at(option).values, ",")));
    }
  }
  return changes;
}

/// Those of revision `at`, against the next older one.
std::vector<std::string> changes_at(const std::vector<Revision>& all, std::size_t at) {
  return changes_of(at + 1 < all.size() ? all[at + 1].spec : Spec(), all[at].spec);
}

std::string author_of(const Revision& revision) {
  const std::string text = Author{revision.user, revision.host}.text();
  return text.empty() ? "-" : text;
}

CommandResult history_redis(Context& context, const std::vector<std::string>&) {
  mention_unfinished(context);
  const RedisSettings settings = redis_settings(context);
  const std::vector<Revision> all = open_installer(context, settings)->history();
  Table table({"REVISION", "WHEN", "BY", "WHAT", "STATUS", "CHANGED"});
  ordered_json list = ordered_json::array();
  const auto text_or_null = [](const std::string& text) { return text.empty() ? ordered_json() : ordered_json(text); };
  for (std::size_t at = 0; at < all.size(); ++at) {
    const Revision& one = all[at];
    const std::vector<std::string> changes = changes_at(all, at);
    table.add({std::to_string(one.number), one.at.empty() ? "-" : one.at, author_of(one),
               one.operation.empty() ? "-" : one.operation, one.current ? "current" : one.status,
               changes.empty() ? "-" : printable(join(changes, ", "))});
    list.push_back({{"revision", one.number},
                    {"current", one.current},
                    {"status", text_or_null(one.status)},
                    {"at", text_or_null(one.at)},
                    {"user", text_or_null(one.user)},
                    {"host", text_or_null(one.host)},
                    {"operation", text_or_null(one.operation)},
                    {"preset", text_or_null(one.spec.preset)},
                    {"image", text_or_null(one.image)},
                    {"changes", changes}});
  }
  if (context.format() == OutputFormat::table) return {table.text()};
  return {formatted(list, context.format())};
}

const Revision& current_of(const std::vector<Revision>& all) {
  const auto found = std::find_if(all.begin(), all.end(), [](const Revision& one) { return one.current; });
  return found == all.end() ? all.front() : *found;
}

/// Values of --set are not recorded, and neither are the files of -f.
void refuse_what_cannot_come_back(const Revision& one, const std::string& see) {
  if (one.spec.preset.empty())
    throw Error(ExitCode::preflight, fmt::format("revision {} has no record of what it was set up with", one.number),
                see);
  const auto sets = one.spec.chosen.find("set");
  if (sets == one.spec.chosen.end()) return;
  throw Error(ExitCode::preflight,
              fmt::format("revision {} was set up with --set {}, whose values are not recorded: they might be secrets",
                          one.number, printable(join(sets->second.values, ", "))),
              "set it up with that --set again, or go back to another one; " + see);
}

/// The one that REVISION names; without one the newest that was there before the present one.
const Revision& wanted_of(const Context& context, const std::vector<Revision>& all,
                          const std::vector<std::string>& words) {
  const std::string see = "see which there are: " + context.scope().command("history redis");
  if (words.size() > 1) throw Error(ExitCode::usage, "one revision at a time", see);
  int number = 0;
  if (!words.empty()) {
    const char* const end = words.front().data() + words.front().size();
    const auto [after, error] = std::from_chars(words.front().data(), end, number);
    if (error != std::errc() || after != end || number < 1)
      throw Error(ExitCode::usage, fmt::format("{} is not a revision", in_quotes(words.front())), see);
  }
  const int present = current_of(all).number;
  for (const Revision& one : all) {
    if (number != 0 ? one.number != number : one.number >= present || one.status == "failed") continue;
    if (one.number == present) throw Error(ExitCode::usage, fmt::format("revision {} is the present one", number), see);
    refuse_what_cannot_come_back(one, see);
    return one;
  }
  if (number == 0) throw Error(ExitCode::preflight, "there is no revision before the present one", see);
  throw Error(ExitCode::preflight, fmt::format("there is no revision {}", number), see);
}

bool is_older(const std::string& image, const std::string& than) {
  const auto version = parse_redis_version(image);
  const auto other = parse_redis_version(than);
  return version && other && *version < *other;
}

std::string about_restarts(const std::vector<std::string>& restarts) {
  return restarts.empty() ? "Redis is not restarted" : "Redis restarts: " + join(restarts, ", ");
}

/// What a rollback does to clients and data, and what it leaves, a line each.
std::vector<std::string> consequences(const Revision& present, const Revision& wanted,
                                      const std::vector<std::string>& restarts) {
  std::vector<std::string> lines = {about_restarts(restarts)};
  if (is_older(wanted.spec.image, present.spec.image))
    lines.push_back(fmt::format("an older Redis ({}) may not be able to read the data of a newer one ({})",
                                wanted.spec.image, present.spec.image));
  const auto user_of = [](const Spec& spec) { return spec.user.empty() ? std::string("default") : spec.user; };
  if (present.spec.auth && wanted.spec.auth && user_of(present.spec) != user_of(wanted.spec))
    lines.push_back(fmt::format("clients that log in as {} are refused when they connect again: the user is {} then",
                                user_of(present.spec), user_of(wanted.spec)));
  if (present.spec.auth && !wanted.spec.auth) lines.emplace_back("Redis asks for no password any more");
  lines.emplace_back("what stays as it is: the data, the size of the claim, passwords and certificates");
  return lines;
}

/// As if it had been said on the command line.
void set_flag(Context& context, const std::string& option, const std::string& value) {
  SettingMap values = context.settings.all();
  values[option] = {{value}, {Source::flag, "--" + option}};
  context.settings = Settings(std::move(values));
}

CommandResult result_of(const Context& context, const SetupOutcome& outcome, const std::string& text,
                        const ordered_json& object) {
  const bool for_people = context.format() == OutputFormat::table;
  if (outcome.plan) return {for_people ? outcome.plan->text : formatted(*outcome.plan->data, context.format())};
  return {for_people ? text : formatted(object, context.format())};
}

CommandResult rollback_redis(Context& context, const std::vector<std::string>& words) {
  mention_unfinished(context);
  const RedisSettings settings = redis_settings(context);
  const std::vector<Revision> all = open_installer(context, settings)->history();
  const Revision& present = current_of(all);
  const Revision& wanted = wanted_of(context, all, words);
  const std::vector<std::string> changes = changes_of(present.spec, wanted.spec);
  std::vector<std::string> lines;
  SetupRequest request{.record = wanted.spec, .operation = "rollback redis"};
  request.agree = [&](const std::vector<std::string>& restarts) {
    lines = consequences(present, wanted, restarts);
    std::string note = fmt::format("revision {} → {}:", present.number, wanted.number);
    for (const std::string& change : changes) note += "\n  - " + printable(change);
    for (const std::string& line : lines) note += "\n  - " + printable(line);
    context.reporter.note(note);
    agree(context,
          fmt::format("{} goes back to revision {}{}", settings.release, wanted.number,
                      restarts.empty() ? "" : ", and Redis restarts"),
          "rollback redis", std::to_string(wanted.number));
  };
  forget_choices(context);  // what a variable or config.yaml says now, that revision did not have
  const SetupOutcome outcome = open_installer(context, redis_settings(context))->setup(request);
  return result_of(context, outcome,
                   outcome.changed ? fmt::format("Back at what revision {} was.\n", wanted.number)
                                   : "Nothing changed: it is as that revision was.\n",
                   {{"changed", outcome.changed},
                    {"from", present.number},
                    {"to", wanted.number},
                    {"changes", changes},
                    {"consequences", lines}});
}

/// The image that the embedded chart has by itself.
std::string chart_image() {
  const std::string file = "charts/redis/values.yaml";
  const ordered_json image = parse_yaml(asset(file), file).at("image");
  return fmt::format("{}/{}:{}", image.at("registry").get<std::string>(), image.at("repository").get<std::string>(),
                     image.at("tag").get<std::string>());
}

std::string image_text(const ImageReference& image) {
  return fmt::format("{}/{}{}{}", image.registry, image.repository, image.tag.empty() ? "" : ":" + image.tag,
                     image.digest.empty() ? "" : "@" + image.digest);
}

void refuse_older(const std::string& image, const std::string& present) {
  if (!is_older(image, present)) return;
  throw Error(ExitCode::preflight,
              fmt::format("{} is older than {}, and may not be able to read its data", image, present),
              "name a newer one with --image");
}

CommandResult upgrade_redis(Context& context, const std::vector<std::string>&) {
  mention_unfinished(context);
  const RedisSettings first = redis_settings(context);
  if (first.target == Target::local)
    throw Error(ExitCode::preflight,
                "on this machine redis-server is the machine's own: its package manager upgrades it",
                "then start Redis again with the new one: " + context.scope().command("setup redis", "--restart"));
  const std::unique_ptr<Installer> installer = open_installer(context, first);
  const std::vector<Revision> all = installer->history();
  const Revision& present = current_of(all);
  const bool named = context.settings.is_set("image") && context.settings.origin("image").source >= Source::environment;
  const bool is_chosen = present.spec.chosen.contains("image");
  const std::string asked_for = first.image ? image_text(*first.image) : chart_image();
  const std::string wanted = is_chosen && !named ? present.spec.image : asked_for;
  refuse_older(wanted, present.image);
  const auto from = parse_redis_version(present.image);
  const auto to = parse_redis_version(wanted);
  std::vector<std::string> breaking;
  if (from && to) {
    for (const BreakingChange& change : breaking_changes(*from, *to))
      breaking.push_back(fmt::format("{}.{}: {}", change.since.major, change.since.minor, change.what));
  }
  const bool other_image = wanted != present.image;
  const auto agree_to = [&](const std::vector<std::string>& restarts) {
    std::string note = other_image ? fmt::format("image {} → {}, and the chart of this program", present.image, wanted)
                                   : fmt::format("image {} stays; the chart of this program", present.image);
    for (const std::string& line : breaking) note += "\n  - since " + line;
    if (!named && is_chosen)
      note += "\n  - the image was chosen by --image, and stays unless --image names another one";
    note += "\n  - " + about_restarts(restarts);
    if (other_image || !restarts.empty())
      note += "\n  - back up first: " + context.scope().command("backup redis", "./backups");
    context.reporter.note(note);
    if (!restarts.empty())
      agree(context, fmt::format("{} restarts{}", first.release, other_image ? " with " + wanted : ""), "upgrade redis",
            named ? "--image " + shell_quote(wanted) : "");
  };
  // an upgrade is of the image and the chart: nothing else that a variable or config.yaml says by now comes with it
  forget_choices(context,
                 named && other_image ? std::vector<std::string_view>{"image"} : std::vector<std::string_view>());
  // a release keeps its image when the preset has another one: this asks for that
  if (!named && first.image_of_preset && other_image) set_flag(context, "image", wanted);
  const SetupOutcome outcome =
      open_installer(context, redis_settings(context))->setup({.operation = "upgrade redis", .agree = agree_to});
  return result_of(context, outcome, outcome.changed ? "Upgraded.\n" : "Nothing is newer.\n",
                   {{"changed", outcome.changed}, {"from", present.image}, {"to", wanted}, {"breaking", breaking}});
}

}  // namespace

std::vector<ComponentCommand> revision_commands() {
  std::vector<OptionSpec> image;
  for (const OptionSpec& option : redis_options()) {
    if (option.name == "image") image.push_back(option);
  }
  return {{"history", "Show who changed what: the revisions of a Redis", {}, history_redis},
          {"rollback",
           "Go back to an earlier revision; says first what restarts and what cannot go back",
           {},
           rollback_redis,
           "[REVISION]"},
          {"upgrade", "Take this program's chart and Redis image, or the --image named, after naming what breaks",
           image, upgrade_redis}};
}

}  // namespace raibid
