#pragma once

#include "components/presets.hpp"
#include "components/redis/settings/option_reader.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// --stream, --group and --max-length speak of the preset's first stream. Throws Error (usage) for a name that is not
/// one, for a stream that is listed twice, and for options of a preset without a stream.
void take_streams(RedisSettings& redis, const OptionReader& reader, const Preset& preset);

/// --user: `default`, or the application's user, whose rights the preset knows. After target, chart and streams. Throws
/// Error (usage) where there can be none.
void take_user(RedisSettings& redis, const OptionReader& reader, const Preset& preset);

/// --trim-schedule: a preset's schedule holds where it can; one that was asked for is refused (usage) where it cannot.
/// After target, chart and streams.
void take_trimming(RedisSettings& redis, const OptionReader& reader);

/// The streams that are trimmed by themselves; empty without a schedule.
std::vector<StreamSpec> trimmed_streams(const RedisSettings& settings);

/// Throws Error (usage) that begins with `what` when no stream or group can have this name.
void check_key(const std::string& key, const std::string& what);

}  // namespace raibid
