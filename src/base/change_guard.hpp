#pragma once

#include <string_view>

namespace raibid {

/// Whether this run may change anything: with --dry-run it may not. Made once from the command line and handed to
/// everything that changes something (files, children, signals, Redis, the journal), so that no command can forget it.
class ChangeGuard {
 public:
  explicit ChangeGuard(bool dry_run) : m_dry_run(dry_run) {}

  /// For a command to choose: say what it would do, or do it.
  bool dry_run() const { return m_dry_run; }
  /// To be called before anything is changed. Throws std::logic_error in a dry run: the command should have said what
  /// it would do instead, so this is a mistake in raibid-cli. It is no Error, so that nothing handles it as one.
  void check(std::string_view change) const;

 private:
  bool m_dry_run;
};

}  // namespace raibid
