#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "components/context.hpp"
#include "components/redis/settings/settings.hpp"
#include "components/redis/settings/spec.hpp"

namespace raibid {

/// What a Redis was set up with decides what the next command does with it, not the defaults: its record (Spec) names
/// the preset and what was chosen by flag, variable or config file. All three are kept: the next run may be of another
/// shell, another user or another machine.
///
/// What this run says stands above the record: a flag, a variable; the config file too, unless a flag or a variable was
/// recorded, which stood above the file then.

/// What a run was told before any record was taken, so that another record can be taken instead.
struct Told {
  explicit Told(const Context& context) : settings(context.settings), preset(context.preset) {}
  Settings settings;
  Preset preset;
};

/// Takes the record into settings and preset of a setup. Flags and variables may choose another preset; with --reset
/// the preset alone is taken. `name_space` is the recorded one, "" when the record has none. Throws Error (usage) when
/// the preset's file is gone, or when --set was recorded, whose values are not, and none is given now.
void take_record_for_setup(Context& context, const Spec& record, const std::string& name_space = "");

/// What variables, files and flags of this run say of how Redis is set up does not count from here on, apart from the
/// options named in `except`: for a command that goes by records alone. The preset of this run does not count either.
void forget_choices(Context& context, const std::vector<std::string_view>& except = {});

enum class NeedsPreset { no, yes };

/// The same for a command that uses what is there: streams, clients and Services are those of the record; what of the
/// queue a flag or variable names is another one. Throws Error (usage) when a flag or variable names another preset,
/// and when the preset's file is gone and the command needs it.
void take_record_to_read(Context& context, const Spec& record, NeedsPreset needs, const std::string& name_space = "");

/// Throws Error (usage) that names both when a flag or variable names another preset than the recorded one.
void refuse_other_preset(const Context& context, const std::string& recorded);

/// Settings that name a Redis and say nothing else of it: where to look for its record.
RedisSettings settings_to_find(const Context& context);

/// "--memory-limit 1Gi, --stream other:jobs": what is from the record alone, not told to this run; "" when nothing is.
std::string kept_from_record(const Context& context, const Told& told);

/// "--memory-limit 1Gi --adopt": the flags of this run that are setup's own, for a hint to give them again.
std::string setup_flags(const Context& context);

}  // namespace raibid
