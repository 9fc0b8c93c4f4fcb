#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace raibid {

struct YamlEntry;

/// A value of a YAML document with the line it stands on. Scalars keep their source text, so that "08" given to an
/// option that takes text stays "08". Aliases are replaced by what they stand for.
struct YamlNode {
  enum class Kind { null, scalar, list, map };

  Kind kind = Kind::null;
  bool plain = false;  ///< a scalar without quotes and tag: it may mean a number or a boolean
  int line = 1;
  std::string text = {};
  std::vector<YamlNode> items = {};
  std::vector<YamlEntry> entries;  ///< in the order of the file

  bool is(Kind other) const { return kind == other; }
};

struct YamlEntry {
  std::string key;
  bool plain = false;
  int line = 1;
  YamlNode value;
};

/// Reads one document; an empty text is a null. Throws Error (usage) with `origin` and line: what guard_yaml refuses,
/// not YAML, a key twice or one that is not text, an alias to itself, more than yaml_limits, a second document.
YamlNode parse_yaml_tree(std::string_view text, const std::string& origin);

/// "true" or "false" as YAML 1.2 has them, when `node` is one of those without quotes.
bool is_yaml_true(const YamlNode& node);
bool is_yaml_false(const YamlNode& node);

/// "a list", "a mapping", "nothing" …: for messages.
std::string_view kind_name(const YamlNode& node);

}  // namespace raibid
