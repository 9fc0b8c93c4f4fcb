#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace raibid {

/// Replaces in texts what does not leave this machine: each value by the same word everywhere ("<ip-2>"), so that what
/// is the same can still be told.
class Redactor {
 public:
  /// A value to replace wherever it stands: a password, a name. `kind` names the word ("secret", "namespace"). Values
  /// of one character are left: they would be found in every text.
  void add(const std::string& kind, const std::string& value);

  /// The text without the added values, hashes of passwords, addresses and hosts of registries. Values are replaced
  /// longest first; a name only where it is a word of its own, a secret everywhere.
  std::string redact(std::string_view text);

  /// "ip: 3 values, 17 places", a line for each kind; never a value.
  std::string account() const;

 private:
  struct Value {
    std::string kind;
    std::string word;
  };
  std::string word_for(const std::string& kind, const std::string& value);
  std::string replace_added(std::string_view text);
  std::string replace_patterns(const std::string& text);

  std::map<std::string, Value> m_values;  ///< by what is replaced
  std::vector<std::string> m_order;       ///< of the added ones, longest first
  std::map<std::string, std::size_t> m_numbers;
  std::map<std::string, std::size_t> m_places;
};

}  // namespace raibid
