#pragma once

#include <string>
#include <vector>

#include "components/redis/settings/settings.hpp"

namespace raibid {

/// What of the user's goes to helm beside our own values: the chart, --set and -f. All throw Error (usage) naming the
/// option and its origin.

/// --chart and --chart-version.
ChartChoice choose_chart(const Settings& settings);

/// --set: KEY=VALUE in helm's syntax, nothing that looks like a password (it would stand in argv and in Helm's record),
/// no name that everything else is found by, and nothing that an option of ours decides. The value is never repeated in
/// a message.
void check_sets(const std::vector<std::string>& sets, ChartChoice::Kind chart, const std::string& what);

/// The keys of --set without their values, which nothing of ours may keep: they might be secrets.
std::vector<std::string> keys_of_sets(const std::vector<std::string>& sets);

/// -f: readable YAML files without a password.
void check_values_files(const std::vector<std::string>& files, const std::string& what);

}  // namespace raibid
