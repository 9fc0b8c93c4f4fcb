#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.hpp"

namespace raibid {

/// Why an option means nothing for a Redis that someone else runs (--target external); "" when it means something.
std::string_view why_inapplicable(std::string_view option);

/// Options of one command, read for one Redis. What the command does not offer counts as not set: teardown, for
/// instance, knows nothing of --image. So does what means nothing for an external Redis, wherever it was said.
class OptionReader {
 public:
  explicit OptionReader(const Settings& settings);

  bool has(std::string_view name) const;
  std::string text(std::string_view name) const { return has(name) ? m_settings.text(name) : ""; }
  bool flag(std::string_view name) const { return has(name) && m_settings.flag(name); }
  std::vector<std::string> list(std::string_view name) const {
    return has(name) ? m_settings.list(name) : std::vector<std::string>{};
  }
  /// Whether it was chosen for this run, above the preset (which says the same with all its streams).
  bool chosen(std::string_view name) const { return has(name) && m_settings.origin(name).source > Source::preset; }
  /// "--size (RAIBID_SIZE)".
  std::string named(std::string_view name) const;
  const Settings& settings() const { return m_settings; }
  /// Throws Error (usage) for a flag that means nothing for an external Redis. A variable or a file may be meant for
  /// other targets, too.
  void refuse_inapplicable() const;
  /// Throws Error (usage) with the option, its value, and `why`.
  [[noreturn]] void refuse(std::string_view name, const std::string& why, const std::string& hint) const;
  /// Throws Error (usage) for two options that cannot be given together.
  [[noreturn]] void refuse_both(std::string_view one, std::string_view other) const;

 private:
  /// Whether a Redis in a cluster is adopted, and this says which cluster.
  bool asks_cluster(std::string_view name) const { return m_adopts && (name == "kubeconfig" || name == "context"); }

  const Settings& m_settings;
  bool m_external;
  bool m_adopts;
};

}  // namespace raibid
