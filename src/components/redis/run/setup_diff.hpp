#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace raibid {

/// A value that is another one afterwards; "" where there is none. Secrets are `***`.
struct ValueChange {
  std::string path;  ///< "master.resources.limits.memory"
  std::string live;
  std::string wanted;
};

/// An object of a cluster, or a file, that a setup makes, changes or removes.
struct ObjectChange {
  enum class What { created, changed, removed };
  What what = What::changed;
  std::string kind;  ///< "StatefulSet", "File"
  std::string name;
  std::vector<ValueChange> values{};
  std::vector<std::string> lines{};  ///< of a text: "-old line", "+new line", " line beside them"
};

/// What a setup changes of what is there now.
struct SetupDiff {
  std::vector<ValueChange> values;  ///< for helm
  std::vector<ObjectChange> objects;

  bool empty() const { return values.empty() && objects.empty(); }
};

/// The leaves in which two trees differ. A list counts as one leaf unless both are lists of the same length.
std::vector<ValueChange> value_changes(const nlohmann::json& live, const nlohmann::json& wanted);

/// The lines in which two texts differ, each with the line before and after it; empty when they are the same.
std::vector<std::string> line_changes(std::string_view live, std::string_view wanted);

/// For people: `+` what is made, `-` what is removed, `~` what is changed, in colour if wanted.
std::string diff_text(const SetupDiff& diff, bool color);
/// `changed`, `values` and `objects`, for programs.
nlohmann::ordered_json diff_data(const SetupDiff& diff);

}  // namespace raibid
