#pragma once

#include "support/machine.hpp"
#include "tools/api_runner.hpp"
#include "tools/kubectl.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace raibid {

/// The cluster of RAIBID_TEST_KUBECONFIG with a namespace for one test, which goes with the object. Without the
/// variable (or kubectl) it says so, and `absent` is true.
struct TestCluster : Machine {
  explicit TestCluster(const std::string& name);
  ~TestCluster();

  /// Creates it in the namespace.
  void create(const nlohmann::json& manifest);
  Output run_checked(const Command& command, std::chrono::seconds limit = std::chrono::seconds(60));
  /// The one object of that name, or null.
  nlohmann::json get(const std::string& kind_and_name);
  /// A copy of the kubeconfig with another user, whose entry is `user`; its cluster's entry can be changed, too.
  std::string kubeconfig_with_user(const nlohmann::json& user, const nlohmann::json& cluster_change = nullptr);
  /// Waits until the pod is Ready. Fails the test when it is not within a minute.
  void wait_until_ready(const std::string& pod);

  ApiRunner runner{Machine::runner, std::filesystem::temp_directory_path()};  ///< as a real run has it
  bool absent = true;
  std::string kubeconfig;
  std::string name_space;
  Cluster cluster;
  std::unique_ptr<Kubectl> kubectl;

 private:
  std::vector<std::string> m_files;
};

/// A pod with a Redis that has no password.
nlohmann::json redis_pod(const std::string& name);

}  // namespace raibid
