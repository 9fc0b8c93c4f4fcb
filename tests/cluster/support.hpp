#pragma once

#include <nlohmann/json.hpp>

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "support/cli.hpp"

namespace raibid::test {

/// Skips the calling test case (returns false) when no cluster was handed in.
bool have_cluster();

/// kubectl as the tests use it: with the test cluster's kubeconfig.
std::string kubectl(std::vector<std::string> arguments, const std::string& input = {});
nlohmann::json kubectl_json(std::vector<std::string> arguments);

/// The program aimed at the test cluster, with the images that are there.
class ClusterCli : public Cli {
 public:
  explicit ClusterCli(std::string name_space);
  /// Whatever the test left in its namespace goes.
  ~ClusterCli();

  const std::string& name_space() const { return m_namespace; }
  Output setup(std::vector<std::string> more = {});
  Output status(std::vector<std::string> more = {});
  Output teardown(std::vector<std::string> more = {});

 private:
  Output with_namespace(const std::string& verb, std::vector<std::string> more);
  std::string m_namespace;
};

/// What a test could leave behind outside its namespace, and the namespace itself. Volumes are given half a minute: the
/// provisioner removes them after their claims.
std::set<std::string> cluster_state(const std::string& name_space);

}  // namespace raibid::test
