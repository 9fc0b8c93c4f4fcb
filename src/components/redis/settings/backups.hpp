#pragma once

#include <cstdint>
#include <string>

#include "components/redis/settings/image.hpp"
#include "components/redis/settings/option_reader.hpp"

namespace raibid {

/// Backups by a schedule: --backup-schedule and what goes with it.
struct BackupChoice {
  enum class To {
    claim,   ///< a claim of the namespace
    rclone,  ///< a store of rclone
    folder,  ///< of this machine (--target local)
  };
  std::string schedule;  ///< as cron has it; "": none
  To to = To::claim;
  std::string place;      ///< the claim's name, "" for one of our own; REMOTE:PATH; the folder
  std::int64_t keep = 7;  ///< so many of the newest
  std::string secret{};   ///< To::rclone on a cluster: the Secret with rclone.conf
  std::string image{};    ///< of rclone, as --backup-image has it; "" for the chart's

  bool wanted() const { return !schedule.empty(); }
  /// The claim is one that setup makes.
  bool own_claim() const { return wanted() && to == To::claim && place.empty(); }
  bool operator==(const BackupChoice&) const = default;
};

struct RedisSettings;

/// What names a claim of the namespace as a place for backups: "claim", or "claim:NAME".
inline constexpr const char* claim_word = "claim";

/// Reads the options. Throws Error (usage) for what is no schedule or no place, and for what does not go together.
void take_backups(RedisSettings& redis, const OptionReader& reader);

/// The claim that backups go to, by the choice and the release's full name.
std::string backup_claim(const BackupChoice& backup, const std::string& full_name);

/// A service and a timer of systemd that run `command` by the schedule, as two files with their names. systemd has an
/// environment of its own: the command has to begin with the program's path, and `home` is the RAIBID_HOME that it
/// needs,
/// "" for the usual one.
std::string systemd_units(const std::string& schedule, const std::string& command, const std::string& name,
                          const std::string& home);

}  // namespace raibid
