#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/settings.hpp"

namespace raibid {

/// The flags that name one Redis (--target, --url, --password-file, --kubeconfig, --context, -n, --release,
/// --preset, --config), so that a
/// command in a hint acts on the same one. Every hint with a command of ours is built here: a hint without its scope
/// acts on another Redis when it is run word for word.
class Scope {
 public:
  Scope() = default;
  /// Of this run: what a flag, a variable or the folder's .raibid.yaml said. The config file of the home says the same
  /// again by itself.
  explicit Scope(const Settings& settings);

  /// Of a Redis that was found beside others: its own names in place of this run's. Empty ones are left out.
  Scope found(const std::string& target, const std::string& name_space, const std::string& release,
              const std::string& preset) const;

  /// Of a Redis that is already there, by its URL (without a password).
  Scope at(const std::string& url) const;

  /// Of one that someone else runs in a cluster, by its Service.
  Scope adopting(const std::string& service, const std::string& context) const;

  /// Of a Redis on a cluster, every part named: whatever is set where the command is run, it is the same one.
  static Scope on_cluster(const std::string& kubeconfig, const std::string& context, const std::string& name_space,
                          const std::string& release);

  /// "raibid-cli setup redis --target local": `words`, the scope's flags, then `rest` ("--delete-data", "--
  /// redis-cli").
  std::string command(std::string_view words, std::string_view rest = {}) const;

  /// " -n jobs --release r1", or "".
  std::string flags() const;

 private:
  void set(std::string_view name, const std::string& value);

  std::vector<std::pair<std::string, std::string>> m_flags;  ///< option, value
};

}  // namespace raibid
