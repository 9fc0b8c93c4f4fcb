#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "sys/process.hpp"
#include "tools/cluster.hpp"

namespace raibid {

struct HelmVersion {
  int major = 0;
  int minor = 0;
  std::string text;  ///< "3.17.0"
};

/// helm for one cluster and namespace, in the manner of Kubectl. Never --wait: the wait is ours. Values go through
/// standard input.
class Helm {
 public:
  /// `major` is that of parse_version. Helm 4 is told to apply on the server and to take back what was changed by hand,
  /// which 3 always does; 4 by itself stops at such a field, in a rollback too (tried).
  Helm(Runner& runner, Cluster cluster, std::string name_space, int major = 3);

  static Command version();
  /// Throws Error (preflight): not helm, or older than 3.13.
  static HelmVersion parse_version(const Command& command, const Output& output);

  struct Chart {
    std::string reference;   ///< a folder, a .tgz, oci://…, repository/name, or a name with `repository`
    std::string repository;  ///< a URL for --repo, or ""
    std::string version;     ///< "" for the newest
  };
  struct Install {
    std::string release;
    Chart chart;
    std::string values;                         ///< YAML or JSON: goes through standard input, before the user's
    std::vector<std::string> values_files;      ///< the user's -f
    std::vector<std::string> sets;              ///< the user's --set
    std::map<std::string, std::string> labels;  ///< on Helm's own record of the release
  };
  Command upgrade_install(const Install& install) const;
  /// The revision which that command says it made.
  static int parse_revision(const Command& command, const Output& output);
  /// The manifests, without asking the cluster (`helm template`).
  Command render(const Install& install) const;
  /// Fails when the chart cannot be found (`helm show chart`).
  Command show_chart(const Chart& chart) const;

  /// Fails when there is no such release, which run_checked takes for done. (helm's own --ignore-not-found also ignores
  /// a refused right, and reports success with everything still there.)
  Command uninstall(const std::string& release) const;
  Command rollback(const std::string& release, int revision) const;
  /// What the user's and our values of the deployed release are (`helm get values -o json`).
  Command get_values(const std::string& release) const;

  Output run_checked(const Command& command, TimePoint deadline) const;
  /// The Error for a failed helm: as Kubectl::explain, and preflight for a chart that cannot be found and for a
  /// resource of another release, usage for values that the chart refuses.
  static Error explain(const Command& command, const Output& output);
  std::string for_people(const std::vector<std::string>& arguments) const;

 private:
  Command command(const std::vector<std::string>& arguments, std::string input = {}) const;
  /// One that changes nothing in the cluster. (Helm keeps charts that it fetches in its own cache.)
  Command question(const std::vector<std::string>& arguments, std::string input = {}) const;

  Runner& m_runner;
  Cluster m_cluster;
  std::string m_namespace;
  int m_major;
};

}  // namespace raibid
