#include "components/redis/commands/support/support.hpp"

#include <sys/utsname.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <set>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/commands/support/archive.hpp"
#include "components/redis/commands/support/redactor.hpp"
#include "components/redis/place/place.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/server/script.hpp"
#include "components/redis/settings/author.hpp"
#include "components/result_format.hpp"
#include "sys/files.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

/// As much of Redis' slow log as there mostly is.
constexpr const char* slow_entries = "128";
constexpr std::size_t shortest_secret = 16;

/// Collects, and writes down how long each piece took and why one is missing: that is the archive's timeline.
class Collector {
 public:
  explicit Collector(Context& context) : m_context(context) {}

  template <typename Get>
  void add(const std::string& name, Get&& get) {
    const TimePoint started = m_context.runner.now();
    m_context.reporter.step_progress("collect", name);
    std::string how;
    try {
      files.push_back({name, get()});
    } catch (const Error& error) {
      files.push_back({name, fmt::format("not collected: {}\n{}\n", error.message(), error.hint())});
      how = " (failed)";
    }
    const double took = std::chrono::duration<double>(m_context.runner.now() - started).count();
    timeline += fmt::format("{} {:.3f} s {}{}\n", rfc3339(m_context.clock.wall()), took, name, how);
  }

  std::vector<ArchiveFile> files;
  std::string timeline;

 private:
  Context& m_context;
};

std::string versions(const Context& context) {
  utsname system{};
  ::uname(&system);
  return fmt::format("raibid-cli {}\n{} {} {}\n{}\n", RAIBID_VERSION, system.sysname, system.release, system.machine,
                     rfc3339(context.clock.wall()));
}

std::string doctor(Context& context, const RedisSettings& settings) {
  HealthReport report;
  open_installer(context, settings)->examine_ground(report);
  return json_text(report_data(report), 2) + "\n";
}

/// Without arguments: they may be jobs.
std::string slow_log(RedisConnection& redis) {
  const RedisReply reply = redis.command({"SLOWLOG", "GET", slow_entries});
  expect_no_error(reply, "SLOWLOG GET");
  std::string text = "id time microseconds command arguments\n";
  for (const RedisReply& entry : reply.items) {
    if (entry.items.size() < 4 || entry.items[3].items.empty()) continue;
    text += fmt::format("{} {} {} {} {}\n", entry.items[0].integer, entry.items[1].integer, entry.items[2].integer,
                        printable(entry.items[3].items.front().text), entry.items[3].items.size() - 1);
  }
  return text;
}

std::string info(RedisConnection& redis) {
  const RedisReply reply = redis.command({"INFO", "everything"});
  expect_no_error(reply, "INFO");
  return reply.text;
}

/// The settings that say how it works, without those that may hold a secret.
std::string config(RedisConnection& redis) {
  const RedisReply reply = redis.command({"CONFIG", "GET", "*"});
  expect_no_error(reply, "CONFIG GET");
  std::string text;
  for (std::size_t at = 0; at + 1 < reply.items.size(); at += 2) {
    const std::string& name = reply.items[at].text;
    const bool may_be_secret = name.find("pass") != std::string::npos || name.find("auth") != std::string::npos ||
                               name.find("key-file") != std::string::npos;
    text += fmt::format("{} {}\n", printable(name), may_be_secret ? "***" : printable(reply.items[at + 1].text));
  }
  return text;
}

std::string journals(const Context& context) {
  std::string text;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(context.paths.journal(), none))
    text += fmt::format("# {}\n{}\n", entry.path().filename().string(), read_file(entry.path()).value_or(""));
  return text.empty() ? "no run was interrupted\n" : text;
}

std::string history(const std::vector<Revision>& revisions) {
  std::string text;
  for (const Revision& one : revisions)
    text += fmt::format("{} {} {} {} {} {}\n", one.number, one.at, one.status, one.operation,
                        Author{one.user, one.host}.text(), to_json(one.spec));
  return text;
}

/// What the archive must not tell: by value, because no pattern knows a name or a password.
void learn(Context& context, const RedisSettings& settings, Place& place, const std::vector<Revision>& revisions,
           Redactor& redactor) {
  const Author author = this_author(context.environment);
  std::set<std::string> secrets;
  const auto add_secret = [&](const std::string& value) {
    if (value.empty()) return;
    secrets.insert(value);
    secrets.insert(base64_encode(value));
  };
  try {
    const InstalledRedis& installed = place.installed();
    add_secret(installed.password.reveal());
    add_secret(installed.admin.password.reveal());
    for (const auto& [key, value] : installed.content) {
      // a short one that is no password is a name or a time, which stands in many words
      if (key.find("password") == std::string::npos && value.reveal().size() < shortest_secret) continue;
      // a file of several lines (users.acl, a key) is looked for line by line
      for (const std::string& line : split(value.reveal(), '\n')) add_secret(line);
      add_secret(value.reveal());
    }
    if (settings.target != Target::local) redactor.add("host", installed.host);
  } catch (const Error&) {
    context.reporter.detail("its passwords are not known here");  // then they are not in what is collected either
  }
  for (const Credentials& one : all_credentials(context.paths)) {
    add_secret(one.password.reveal());
    add_secret(one.admin_password.reveal());
    redactor.add("context", one.context == "local" ? "" : one.context);
    redactor.add("namespace", one.name_space);
    redactor.add("release", one.release);
  }
  for (const std::string& secret : secrets) redactor.add("secret", secret);
  const auto add_author = [&redactor](const std::string& user, const std::string& host) {
    redactor.add("host", host);
    redactor.add("user", user == "root" ? "" : user);
  };
  add_author(author.user, author.host);
  for (const Revision& one : revisions) {
    add_author(one.user, one.host);
    for (const std::string& client : one.spec.clients) redactor.add("namespace", client.substr(0, client.find('/')));
  }
  redactor.add("folder", context.paths.home.string());
  redactor.add("folder", context.paths.user.string());
  redactor.add("release", settings.release);
  if (settings.target == Target::kubernetes) redactor.add("namespace", settings.name_space);
  for (const std::string& name : open_installer(context, settings)->names()) redactor.add("name", name);
}

fs::path file_of(const Context& context, const std::vector<std::string>& words) {
  if (words.size() > 1) throw Error(ExitCode::usage, "support redis writes one file", "name one, or none");
  if (!words.empty()) return words.front();
  std::string stamp = rfc3339(context.clock.wall());
  std::replace(stamp.begin(), stamp.end(), ':', '-');
  return "raibid-support-" + stamp + ".tar.gz";
}

}  // namespace

namespace {

/// Also of one that is not there: why it is not is worth an issue.
OpenedPlace open_what_is_there(Context& context) {
  try {
    return open_recorded(context, NeedsPreset::no);
  } catch (const Error& error) {
    if (error.code() != ExitCode::not_installed) throw;
    RedisSettings settings = redis_settings(context);
    std::unique_ptr<Place> place = open_place(context, settings);
    return {std::move(place), std::move(settings)};
  }
}

}  // namespace

CommandResult support_redis(Context& context, const std::vector<std::string>& words) {
  const fs::path file = file_of(context, words);
  const std::string shown = printable(file.string());
  std::error_code ignored;
  if (fs::exists(fs::symlink_status(file, ignored)))
    throw Error(ExitCode::usage, fmt::format("{} already exists and is not overwritten", shown), "name another file");
  const OpenedPlace opened = open_what_is_there(context);
  const RedisSettings& settings = opened.settings;
  Place& place = *opened.place;
  const std::unique_ptr<Installer> installer = open_installer(context, settings);
  if (context.guard.dry_run()) return told(fmt::format("Would write {}. Nothing was changed (--dry-run).\n", shown));
  const TimePoint started = context.runner.now();
  context.reporter.step_started("collect");
  Collector collect(context);
  collect.add("versions.txt", [&] { return versions(context); });
  collect.add("doctor.json", [&] { return doctor(context, settings); });
  collect.add("status.txt", [&] { return installer->status().output; });
  std::vector<Revision> revisions;
  collect.add("history.txt", [&] {
    revisions = installer->history();
    return history(revisions);
  });
  collect.add("journal.txt", [&] { return journals(context); });
  std::unique_ptr<RedisConnection> redis;
  const auto connection = [&]() -> RedisConnection& {
    if (!redis) redis = place.administer(question_deadline(context));
    return *redis;
  };
  collect.add("redis/info.txt", [&] { return info(connection()); });
  collect.add("redis/config.txt", [&] { return config(connection()); });
  collect.add("redis/slowlog.txt", [&] { return slow_log(connection()); });
  try {
    for (auto& [name, text] : installer->evidence()) collect.files.push_back({"evidence/" + name, std::move(text)});
  } catch (const Error& error) {
    collect.files.push_back({"evidence/failed.txt", error.message() + "\n"});
  }
  collect.files.push_back({"timeline.txt", collect.timeline});

  Redactor redactor;
  learn(context, settings, place, revisions, redactor);
  for (ArchiveFile& one : collect.files) {
    one.content = redactor.redact(one.content);
    one.name = redactor.redact(one.name);
  }
  collect.files.push_back(
      {"replaced.txt", "What was replaced by a word of its own, the same one everywhere:\n" + redactor.account()});
  const std::string archive = tar_gz(collect.files, context.clock.wall());
  if (!context.files.create_file(file, archive, 0600))
    throw Error(ExitCode::failure, fmt::format("{} was made by someone else meanwhile", shown), "name another file");
  context.reporter.step_ended("collect", Mark::done, counted(std::ssize(collect.files), "file", "files"),
                              std::chrono::duration_cast<Duration>(context.runner.now() - started));
  if (context.format() != OutputFormat::table) {
    ordered_json names = ordered_json::array();
    for (const ArchiveFile& one : collect.files) names.push_back(one.name);
    const ordered_json object = {{"file", file.string()}, {"bytes", archive.size()}, {"files", names}};
    return {formatted(object, context.format())};
  }
  return {fmt::format("{} ({}) is written. Replaced in it:\n{}Read it before you attach it to an issue.\n", shown,
                      format_bytes(static_cast<std::int64_t>(archive.size())), redactor.account())};
}

}  // namespace raibid
