#pragma once

#include "fakes/fake_cluster.hpp"

#include <algorithm>
#include <csignal>
#include <string>
#include <string_view>
#include <vector>

/// The inside of FakeCluster, for the files that make it up.
namespace raibid {

namespace fake_cluster {

inline constexpr auto answer_time = std::chrono::milliseconds(60);
/// Longer than an answer about the lock counts: it is asked for again, and that child can fail, too.
inline constexpr auto pod_start = std::chrono::milliseconds(1500);
/// Where the ways to several nodes begin, see FakeCluster::server_at.
inline constexpr int first_port_of_nodes = 40200;
inline constexpr const char* release = "raibid-redis";
inline constexpr const char* workload = "raibid-redis-master";
inline const std::string pod_key = "pod/raibid-redis-master-0";
inline const std::string claim_key = "persistentvolumeclaim/redis-data-raibid-redis-master-0";
inline const std::string set_key = "statefulset/raibid-redis-master";

inline std::string node_name(int node) { return workload + ("-" + std::to_string(node)); }
inline std::string pod_key_of(int node) { return "pod/" + node_name(node); }
inline std::string claim_key_of(int node) { return "persistentvolumeclaim/redis-data-" + node_name(node); }
inline std::string address_of(int node) { return "10.0.0." + std::to_string(node); }
/// That of a key "pod/…"; -1 for what is no node's pod.
inline int node_of_pod(const std::string& key) {
  const std::string begin = std::string("pod/") + workload + "-";
  return key.starts_with(begin) ? std::stoi(key.substr(begin.size())) : -1;
}

/// How many nodes the values make.
inline int nodes_of(const nlohmann::json& values) {
  if (values.value("architecture", "") != "replication") return 1;
  return values.value(nlohmann::json::json_pointer("/replica/replicaCount"), 1);
}
inline int nodes_of_set(const nlohmann::json& set) {
  return nodes_of(nlohmann::json::parse(set["values"].get<std::string>()));
}

/// The Secret that a StatefulSet's pods have their certificate from.
inline std::string certificate_key_of(const nlohmann::json& set) {
  const nlohmann::json values = nlohmann::json::parse(set["values"].get<std::string>());
  return "secret/" + values.value(nlohmann::json::json_pointer("/tls/existingSecret"), "raibid-redis-tls");
}

}  // namespace fake_cluster

/// A command line without its global flags.
struct FakeCluster::Words {
  explicit Words(const std::vector<std::string>& argv) {
    for (std::size_t i = 1; i < argv.size(); ++i) {
      const std::string& word = argv[i];
      if (word == "--kubeconfig" || word == "--context" || word == "--kube-context" || word == "-n") {
        if (word == "-n") name_space = argv.at(i + 1);
        ++i;
      } else if (!word.starts_with("--request-timeout")) {
        list.push_back(word);
      }
    }
  }
  bool has(std::string_view word) const { return std::find(list.begin(), list.end(), word) != list.end(); }
  std::string after(std::string_view word) const {
    const auto found = std::find(list.begin(), list.end(), word);
    return found == list.end() || found + 1 == list.end() ? "" : *(found + 1);
  }
  const std::string& verb() const { return list.at(0); }

  std::vector<std::string> list;
  std::string name_space;
};

class FakeCluster::Child final : public Process {
 public:
  Child(FakeCluster& owner, const Command& given, int number_) : command(given), number(number_), cluster(owner) {
    ++cluster.m_alive;
  }
  ~Child() override { end(); }
  bool finished() const override { return m_finished; }
  int status() const override { return exit_code; }
  std::string& out() override { return text; }
  std::string& err() override { return errors; }
  void feed(std::string rest) override {
    command.input += rest;
    command.input_follows = false;
    cluster.begin(*this);
  }
  void end() override { finish(128 + SIGTERM); }
  void finish(int code) {
    if (m_finished) return;
    m_finished = true;
    exit_code = code;
    --cluster.m_alive;
  }
  void fail(const std::string& why) {
    errors += "Error from server " + why + "\n";
    exit_code = 1;
  }

  Command command;
  int number;
  FakeCluster& cluster;
  std::string text, errors;
  int exit_code = 0;
  TimePoint due = TimePoint::max();                     ///< when its answer comes
  bool refused = false;                                 ///< by the API server, with an error of its own
  bool stays = false;                                   ///< a watch or a port-forward
  std::string watched;                                  ///< "pods"
  nlohmann::json last_said = nlohmann::json::object();  ///< by a watch: pods by key
  std::vector<std::string> made;                        ///< by its first half
  bool done = false;                                    ///< a program in a pod

 private:
  bool m_finished = false;
};

}  // namespace raibid
