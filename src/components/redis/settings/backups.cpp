#include "components/redis/settings/backups.hpp"

#include <filesystem>

#include <fmt/format.h>

#include "base/cron.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

namespace {

constexpr std::string_view claim_prefix = "claim:";
constexpr std::string_view rclone_prefix = "rclone:";
constexpr const char* example = "'0 3 * * *' is every night at three";

/// REMOTE:PATH with characters that the chart can hand to a shell as they are.
bool is_remote(const std::string& text) {
  const std::size_t colon = text.find(':');
  return colon != std::string::npos && colon > 0 && text.front() != '-' && text.find('\'') == std::string::npos &&
         text.substr(0, colon).find(' ') == std::string::npos && printable(text) == text;
}

/// kubectl for the cluster that was named, and for the namespace of Redis.
std::string kubectl_of(const OptionReader& reader, const std::string& name_space) {
  std::string command = "kubectl";
  for (const char* const option : {"kubeconfig", "context"}) {
    if (const std::string value = reader.text(option); !value.empty())
      command += fmt::format(" --{} {}", option, shell_quote(value));
  }
  return command + " -n " + name_space;
}

void take_cluster_place(BackupChoice& backup, const std::string& to, const std::string& name_space,
                        const OptionReader& reader) {
  if (to.empty() || to == claim_word) return;
  if (to.starts_with(claim_prefix)) {
    backup.place = to.substr(claim_prefix.size());
    if (!is_dns_subdomain(backup.place))
      reader.refuse("backup-to", "names no claim", "write claim:NAME, or claim alone");
    return;
  }
  if (!to.starts_with(rclone_prefix)) {
    reader.refuse("backup-to", "is no place that a pod can write to",
                  "use claim (setup makes one), claim:NAME (one that is there), or rclone:REMOTE:PATH");
  }
  backup.to = BackupChoice::To::rclone;
  backup.place = to.substr(rclone_prefix.size());
  if (!is_remote(backup.place)) reader.refuse("backup-to", "names no remote of rclone", "write rclone:REMOTE:PATH");
  backup.secret = reader.text("backup-secret");
  if (backup.secret.empty()) {
    throw Error(ExitCode::usage, "a store of rclone needs --backup-secret: the Secret with the remote's configuration",
                fmt::format("make it of your own rclone.conf, in the namespace of Redis: {} create secret generic "
                            "backup-store --from-file=rclone.conf=$HOME/.config/rclone/rclone.conf",
                            kubectl_of(reader, name_space)));
  }
  if (!is_dns_subdomain(backup.secret))
    reader.refuse("backup-secret", "is no name of a Secret",
                  "what there is: " + kubectl_of(reader, name_space) + " get secret");
}

void take_local_place(BackupChoice& backup, const std::string& to, const OptionReader& reader) {
  if (to.empty()) {
    throw Error(ExitCode::usage, "--backup-schedule needs --backup-to on this machine: where the backups go",
                "give a folder, or rclone:REMOTE:PATH");
  }
  if (to == claim_word || to.starts_with(claim_prefix))
    reader.refuse("backup-to", "is a claim, and only a cluster has some", "give a folder, or rclone:REMOTE:PATH");
  if (to.starts_with(rclone_prefix)) {
    backup.to = BackupChoice::To::rclone;
    backup.place = to.substr(rclone_prefix.size());
    if (!is_remote(backup.place)) reader.refuse("backup-to", "names no remote of rclone", "write rclone:REMOTE:PATH");
    return;
  }
  backup.to = BackupChoice::To::folder;
  backup.place = std::filesystem::absolute(to).lexically_normal().string();
}

}  // namespace

void take_backups(RedisSettings& redis, const OptionReader& reader) {
  BackupChoice& backup = redis.backup;
  const std::string schedule = reader.text("backup-schedule");
  if (schedule.empty() || schedule == "off") {
    for (const char* const name : {"backup-to", "backup-keep", "backup-secret", "backup-image"}) {
      if (!reader.has(name) || reader.settings().origin(name).source != Source::flag) continue;
      throw Error(ExitCode::usage, fmt::format("--{} needs --backup-schedule", name),
                  fmt::format("say when: --backup-schedule; {}", example));
    }
    return;
  }
  const auto cron = CronSchedule::parse(schedule);
  if (!cron)
    reader.refuse("backup-schedule", "is not a schedule", fmt::format("give five cron fields, or off; {}", example));
  const bool embedded = redis.chart.kind == ChartChoice::Kind::embedded;
  if (redis.target == Target::kubernetes && !embedded) {
    if (!reader.chosen("backup-schedule")) return;  // a preset's holds where it can
    throw Error(ExitCode::usage,
                fmt::format("{}: only the embedded chart takes backups by itself", reader.named("backup-schedule")),
                "run `backup redis` from cron or a systemd timer: docs/backup.md");
  }
  if (reader.has("backup-keep")) backup.keep = reader.settings().integer("backup-keep");
  if (backup.keep < 1) reader.refuse("backup-keep", "would keep none", "use 1 or more");
  backup.schedule = schedule;
  const std::string to = reader.text("backup-to");
  if (redis.target == Target::kubernetes) {
    take_cluster_place(backup, to, redis.name_space, reader);
    backup.image = reader.text("backup-image");
    if (!backup.image.empty()) parse_image(backup.image, reader.named("backup-image"));
  } else {
    take_local_place(backup, to, reader);
  }
}

std::string backup_claim(const BackupChoice& backup, const std::string& full_name) {
  return backup.place.empty() ? full_name + "-backup" : backup.place;
}

std::string systemd_units(const std::string& schedule, const std::string& command, const std::string& name,
                          const std::string& home) {
  std::string calendars;
  if (const auto cron = CronSchedule::parse(schedule)) {
    for (const std::string& calendar : cron->systemd_calendars()) calendars += "OnCalendar=" + calendar + "\n";
  }
  // systemd reads % itself, and $ in commands
  std::string line, environment;
  for (const char c : command) line += c == '%' ? "%%" : c == '$' ? "$$" : std::string(1, c);
  for (const char c : home) environment += c == '%' ? "%%" : std::string(1, c);
  if (!home.empty()) environment = fmt::format("Environment=\"RAIBID_HOME={}\"\n", environment);
  return fmt::format(
      "# ~/.config/systemd/user/{0}.service\n"
      "[Service]\nType=oneshot\n{3}ExecStart={1}\n\n"
      "# ~/.config/systemd/user/{0}.timer\n"
      "[Timer]\n{2}Persistent=true\n\n[Install]\nWantedBy=timers.target\n",
      name, line, calendars, environment);
}

}  // namespace raibid
