#pragma once

#include "fakes/fake_clock.hpp"
#include "sys/process.hpp"
#include "sys/signals.hpp"
#include "tools/redis_client.hpp"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace raibid {

/// What goes wrong with one child.
struct Fault {
  enum class Kind {
    none,
    exits,    ///< half done, then exit code 1
    hangs,    ///< half done, then silence
    killed,   ///< half done, then SIGKILL
    garbage,  ///< done, and what it prints is no answer
    sigint,   ///< Ctrl-C reaches us while it is half done
    sigterm,
    kill_before,  ///< SIGKILL reaches us before it has done anything,
    kill_during,  ///< when it is half done (it dies with us),
    kill_after,   ///< and when it is done and we do not know yet
    disk_full,    ///< from here on `disk` has filled our disk,
    read_only,    ///< or made it read-only
  };
  Kind kind = Kind::none;
  int child = 0;          ///< the number of the child, counted from 1,
  std::string step = {};  ///< or a step: as it begins (kill_after: as it ends)
  std::function<void()> disk = {};
  /// The API server answers the Nth child of the rollback with an error of its own, and those after it for so many.
  int rollback_child = 0;
  int server_errors = 0;
};

/// A cluster, kubectl and helm in one: answers what raibid-cli asks as the real ones do, and keeps what it is told in a
/// file, also when a fault kills the run. One release in one namespace; no admission, no events.
/// Of several nodes it makes pods, claims, Services and proxies, and `servers` ("node 1", "sentinel 0") with their
/// users. Node 0 is always the master, and what runs is in sync.
class FakeCluster final : public Runner, public RedisConnector {
 public:
  FakeCluster(std::filesystem::path state_file, Signals& signals, Fault fault = {});
  ~FakeCluster() override;

  std::unique_ptr<Process> start(const Command& command) override;
  bool wait(std::span<Process* const> processes, TimePoint until) override;
  TimePoint now() const override { return m_clock.now(); }
  FakeClock& clock() { return m_clock; }

  std::unique_ptr<RedisConnection> connect(const RedisEndpoint& endpoint, Duration timeout) override;

  std::string served_certificate(const RedisEndpoint& endpoint, Duration timeout) override;

  /// Everything in it that a test can compare: without times, versions and revisions.
  nlohmann::json contents() const;
  nlohmann::json& state() { return m_state; }
  void save() const;

  /// What the run said of its steps: "started: NAME", "ok: NAME…".
  void step_said(const std::string& line);

  int children() const { return m_children; }  ///< started so far
  int alive() const { return m_alive; }        ///< not ended yet
  /// helm upgrade writes its record, ends well, and changes nothing else.
  bool helm_is_idle = false;
  /// kubectl delete ends well and deletes nothing.
  bool delete_is_idle = false;
  /// How long a pod that is deleted still ends.
  std::chrono::milliseconds pod_grace{0};
  /// A pod of an earlier revision stays until it is deleted, as with OrderedReady when it never became Ready.
  bool keeps_pods = false;
  /// What the server says on standard error to a pod that it is only to try (--dry-run=server).
  std::string pod_answer;
  /// Called with the number of each child as it starts.
  std::function<void(int child)> on_start;

 private:
  class Child;
  class Connection;
  struct Words;

  void begin(Child& child);
  void act(Child& child, bool half);
  void kubectl(Child& child, const Words& words, bool half);
  void helm(Child& child, const Words& words, bool half);
  void create(Child& child, const Words& words, bool half);
  void exec(Child& child, const Words& words);
  /// What is on the claim, which pods have as /data.
  std::filesystem::path data() const { return m_file.parent_path() / "data"; }
  void try_to_create(Child& child, bool half);
  void begin_end(const std::string& key);
  void replace(Child& child, const Words& words);
  void patch(Child& child, const Words& words);
  void label(Child& child, const Words& words);
  void remove(Child& child, const Words& words);
  void remove_raw(Child& child, const Words& words);
  void get(Child& child, const Words& words);
  void upgrade(Child& child, const Words& words, bool half);
  void rollback(Child& child, const Words& words, bool half);
  void uninstall(Child& child, bool half);
  void install_objects(const nlohmann::json& record);
  void make_pod(int node = 0);
  void make_nodes(int nodes);
  /// "node 1", "sentinel 0"; "" for the only node, or the master of several.
  static std::string server_at(int port);
  /// What a port-forward says.
  std::string forwarding(const std::string& target, const std::string& remote);
  void forget(const std::string& key);
  void put(const std::string& key, nlohmann::json object);
  nlohmann::json* find(const std::string& key);
  void issue(const std::string& key);
  void say_news(Child& child);
  void cluster_goes_on();
  [[noreturn]] void die();

  std::filesystem::path m_file;
  Signals& m_signals;
  Fault m_fault;
  FakeClock m_clock;
  nlohmann::json m_state;
  int m_children = 0;
  int m_alive = 0;
  int m_rollback_children = 0;  ///< started since the rollback began
  bool m_rolling_back = false;
};

}  // namespace raibid
