// Users and passwords of several nodes, on real servers and sentinels: everybody gets in meanwhile, no replica loses
// its master, and what is killed is taken back.
#include <doctest/doctest.h>

#include <array>
#include <functional>
#include <memory>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/run/users.hpp"
#include "components/redis/server/node_users.hpp"
#include "components/redis/server/password.hpp"
#include "components/redis/server/rotation.hpp"
#include "components/redis/server/running_acl.hpp"
#include "support/cli.hpp"
#include "support/redis_server.hpp"
#include "support/tcp_server.hpp"
#include "support/thrown.hpp"
#include "sys/files.hpp"
#include "sys/random.hpp"
#include "tools/redis_connection.hpp"

namespace raibid::node_users_test {

using namespace raibid::test;
using Words = std::vector<std::string>;

namespace {

const UserSpec application{"worker", {"job:*"}, {}, {"get", "set", "ping"}};
const WallTime noon{std::chrono::seconds(1'800'000'000)};
constexpr Duration patience = std::chrono::seconds(15);

SecretContent content_of_nodes() {
  return with_node_users(secret_content(Secret("a-password"), Secret("of-the-exporter"), {Secret("of-trim"), {"jobs"}},
                                        {application, Secret("of-the-admin")}),
                         Secret("of-the-nodes"));
}

/// redis-server --sentinel, in a folder of its own.
class Sentinel {
 public:
  Sentinel(int master, const SecretContent& content) : m_folder(std::filesystem::temp_directory_path()) {
    const std::filesystem::path conf = m_folder.path() / "sentinel.conf";
    write_atomic(
        conf, fmt::format("bind 127.0.0.1\nport {}\ndir {}\nsentinel monitor {} 127.0.0.1 {} 2\n{}", m_port,
                          m_folder.path().string(), master_set, master, value_of(content, sentinel_conf_key).reveal()));
    m_process = real_runner().start({{"redis-server", conf.string(), "--sentinel"}, "", {}});
  }
  ~Sentinel() { m_process->end(); }
  Sentinel(const Sentinel&) = delete;
  Sentinel& operator=(const Sentinel&) = delete;

  std::unique_ptr<RedisConnection> connect(const Login& login) const {
    HiredisConnector connector(real_runner());
    return connect_redis(connector, {"127.0.0.1", m_port, login.username, login.password}, patience);
  }

 private:
  TemporaryDirectory m_folder;
  int m_port = free_port();
  std::unique_ptr<Process> m_process;
};

void eventually(const char* what, const std::function<bool()>& holds) {
  Runner& runner = real_runner();
  const TimePoint until = runner.now() + patience;
  for (;;) {
    try {
      if (holds()) return;
    } catch (const Error&) {
      // it does not listen yet
    }
    if (runner.now() > until) FAIL("not in time: " << what);
    runner.wait({}, runner.now() + std::chrono::milliseconds(20));
  }
}

/// A master, two replicas and three sentinels; and a store in memory. All that changes something is counted, and the
/// run can be killed at any of it.
struct Nodes final : UserStore {
  explicit Nodes(const SecretContent& first) : content(first) {
    for (std::size_t at = 0; at < servers.size(); ++at)
      servers[at] = std::make_unique<RedisServer>(conf(at == 0 ? 0 : servers[0]->port()));
    for (auto& one : sentinels) one = std::make_unique<Sentinel>(servers[0]->port(), content);
    eventually("every sentinel knows the others", [&] { return all_agree(); });
  }

  std::string conf(int master) const {
    std::string text = value_of(content, acl_key).reveal() + value_of(content, replication_conf_key).reveal();
    if (master != 0) text += fmt::format("replicaof 127.0.0.1 {}\n", master);
    return text + "repl-diskless-sync-delay 0\n";
  }

  void act() {
    if (left == 0) throw Error(ExitCode::failure, "killed here");
    if (left > 0) --left;
  }
  SecretContent read() override { return content; }
  void write(const SecretContent& changes) override {
    act();
    for (const auto& [key, value] : changes) {
      if (value.empty()) {
        content.erase(key);
      } else {
        content[key] = value;
      }
    }
  }

  class Counted final : public RedisConnection {
   public:
    Counted(std::unique_ptr<RedisConnection> redis, Nodes& nodes) : m_redis(std::move(redis)), m_nodes(nodes) {}
    RedisReply command(const Words& words) override {
      const std::string& second = words.at(1);
      if (second == "SETUSER" || second == "DELUSER" || second == "SET" || second == "CONFIG") m_nodes.act();
      return m_redis->command(words);
    }
    std::vector<RedisReply> pipeline(const std::vector<Words>& commands) override {
      return m_redis->pipeline(commands);
    }
    void send(const Words& words) override { m_redis->send(words); }
    RedisReply receive() override { return m_redis->receive(); }

   private:
    std::unique_ptr<RedisConnection> m_redis;
    Nodes& m_nodes;
  };

  UserServers running() {
    return UserServers([this] {
      std::vector<UserServer> all;
      for (std::size_t at = 0; at < servers.size(); ++at) {
        if (at != away)
          all.push_back({UserServer::Kind::node, [this, at](const Login& login) {
                           return std::make_unique<Counted>(
                               servers[at]->connect(login.password.reveal(), login.username), *this);
                         }});
        all.push_back({UserServer::Kind::sentinel, [this, at](const Login& login) {
                         return std::make_unique<Counted>(sentinels[at]->connect(login), *this);
                       }});
      }
      return all;
    });
  }

  std::unique_ptr<RedisConnection> admin(std::size_t at) const {
    const Login login = admin_login(content);
    return servers[at]->connect(login.password.reveal(), login.username);
  }
  std::string info(std::size_t at, const std::string& field) const {
    return parse_info(checked(*admin(at), {"INFO", "everything"}).text)[field];
  }
  bool in_sync(std::size_t replica) const { return info(replica, "master_link_status") == "up"; }
  bool all_agree() const {
    if (!in_sync(1) || !in_sync(2)) return false;
    for (const auto& one : sentinels) {
      const auto sentinel = one->connect(sentinel_login(content));
      if (sentinel->command({"SENTINEL", "CKQUORUM", master_set}).is_error()) return false;
      if (checked(*sentinel, {"SENTINEL", "SENTINELS", master_set}).items.size() != 2) return false;
      if (checked(*sentinel, {"SENTINEL", "REPLICAS", master_set}).items.size() != 2) return false;
    }
    return true;
  }
  /// How often a replica has come to the master.
  std::string comings() const {
    return fmt::format("{} {} {}", info(0, "sync_full"), info(0, "sync_partial_ok"), info(0, "sync_partial_err"));
  }
  /// With what the servers log in to each other.
  std::string told() const {
    std::string all;
    for (std::size_t at = 0; at < servers.size(); ++at) {
      const auto sentinel = sentinels[at]->connect(sentinel_login(content));
      for (const RedisReply& reply : {checked(*admin(at), {"CONFIG", "GET", "masterauth"}),
                                      checked(*sentinel, {"SENTINEL", "CONFIG", "GET", "sentinel-pass"})})
        all += reply.items.at(1).text + "\n";
    }
    return all;
  }
  void expect_all_as_in_store() const {
    for (std::size_t at = 0; at < servers.size(); ++at) {
      if (at != away) CHECK(acl_differences(*admin(at), value_of(content, acl_key)).empty());
      const auto sentinel = sentinels[at]->connect(sentinel_login(content));
      CHECK(acl_differences(*sentinel, value_of(content, sentinel_conf_key)).empty());
    }
  }
  /// The old connections of replicas and sentinels end: they come again with what they were told.
  void make_all_come_again() {
    const auto master = admin(0);
    const std::string before = comings();
    checked(*master, {"CLIENT", "KILL", "TYPE", "replica"});
    eventually("the replicas have come again", [&] { return comings() != before && in_sync(1) && in_sync(2); });
    for (std::size_t at = 0; at < servers.size(); ++at) {
      checked(*admin(at), {"CLIENT", "KILL", "USER", sentinel_user});
      checked(*sentinels[at]->connect(sentinel_login(content)),
              {"CLIENT", "KILL", "USER", sentinel_user, "SKIPME", "yes"});
    }
    eventually("every sentinel agrees", [&] { return all_agree(); });
  }
  bool lets_in(const Login& login) const {
    for (std::size_t at = 0; at < servers.size(); ++at) {
      try {
        if (at != away) servers[at]->connect(login.password.reveal(), login.username);
      } catch (const Error&) {
        return false;
      }
    }
    return true;
  }

  SecretContent content;
  std::array<std::unique_ptr<RedisServer>, 3> servers;
  std::array<std::unique_ptr<Sentinel>, 3> sentinels;
  int left = -1;         ///< so many acts may still happen; -1 for all
  std::size_t away = 9;  ///< the node that does not run
};

struct Change {
  const char* name;
  SecretContent before;
  UserChange change;
};

std::vector<Change> changes() {
  const SecretContent plain = content_of_nodes();
  const SecretContent two = with_second_password(plain, Secret("another-password"), noon);
  SystemRandom random;
  const SecretContent two_internal = with_second_internal_passwords(plain, random, noon);
  return {{"rotate", plain, [two](const SecretContent&) { return two; }},
          {"rotate --finish", two, [](const SecretContent& now) { return with_one_password(now); }},
          {"rotate --internal", plain, [two_internal](const SecretContent&) { return two_internal; }},
          {"rotate --internal --finish", two_internal,
           [](const SecretContent& now) { return with_one_internal_password(now, true); }},
          {"another user", plain, [](const SecretContent& now) {
             return with_application_user(now, {"other", {"job:*"}, {}, {"get", "ping"}}, Secret("of-the-admin"));
           }}};
}

}  // namespace

TEST_CASE("users of several nodes: a change that is killed anywhere is taken back on all of them, and no link breaks") {
  for (const Change& change : changes()) {
    CAPTURE(change.name);
    Nodes nodes(change.before);
    const std::string told = nodes.told();
    const std::string comings = nodes.comings();
    int stops = 0;
    for (bool ended = false; !ended; ++stops) {
      CAPTURE(stops);
      nodes.left = stops;
      try {
        change_users(nodes, nodes.running(), change.change, "run-1");
        ended = true;
      } catch (const Error& error) {
        REQUIRE(error.message() == "killed here");
      }
      nodes.left = -1;
      if (ended) break;
      // whoever had got in before gets in
      CHECK(nodes.lets_in(application_login(nodes.content)));
      nodes.left = stops % 5;  // the undo is killed as well, and done again
      try {
        restore_users(nodes, nodes.running(), "run-1");
      } catch (const Error& error) {
        CHECK(error.message() == "killed here");
      }
      nodes.left = -1;
      restore_users(nodes, nodes.running(), "run-1");
      CHECK(nodes.content == change.before);
      nodes.expect_all_as_in_store();
      CHECK(nodes.told() == told);
    }
    CHECK(stops > 5);
    forget_previous_users(nodes);
    CHECK(nodes.content == change.change(change.before));
    nodes.expect_all_as_in_store();
    CHECK(nodes.comings() == comings);
    CHECK(nodes.in_sync(1));
    CHECK(nodes.in_sync(2));
    nodes.make_all_come_again();
  }
}

TEST_CASE("users of several nodes: the old internal password ends with --finish, and not before") {
  Nodes nodes(content_of_nodes());
  SystemRandom random;
  const Login old("replica", Secret("of-the-nodes"));
  change_users(
      nodes, nodes.running(),
      [&](const SecretContent& now) { return with_second_internal_passwords(now, random, noon); }, "run-1");
  CHECK(nodes.lets_in(old));
  nodes.make_all_come_again();
  change_users(
      nodes, nodes.running(), [](const SecretContent& now) { return with_one_internal_password(now, true); }, "run-2");
  CHECK_FALSE(nodes.lets_in(old));
  CHECK(nodes.lets_in({"replica", value_of(nodes.content, internal_password_key)}));
  CHECK(error_of([&] { nodes.sentinels[0]->connect({sentinel_user, Secret("of-the-nodes")}); }).message() != "");
  nodes.make_all_come_again();
}

TEST_CASE("users of several nodes: one that is away meanwhile starts with the store's files, and follows") {
  Nodes nodes(content_of_nodes());
  nodes.away = 2;
  nodes.servers[2]->stop();
  SystemRandom random;
  const UserChange both = [&](const SecretContent& now) {
    return with_second_internal_passwords(with_second_password(now, Secret("another-password"), noon), random, noon);
  };
  change_users(nodes, nodes.running(), both, "run-1");
  nodes.expect_all_as_in_store();
  nodes.servers[2]->start(nodes.conf(nodes.servers[0]->port()));
  nodes.away = 9;
  eventually("it follows", [&] { return nodes.in_sync(2); });
  CHECK(nodes.lets_in(application_login(nodes.content)));
  change_users(
      nodes, nodes.running(),
      [](const SecretContent& now) { return with_one_password(with_one_internal_password(now, true)); }, "run-2");
  CHECK_FALSE(nodes.lets_in({"worker", Secret("a-password")}));
  CHECK_FALSE(nodes.lets_in({"replica", Secret("of-the-nodes")}));
  CHECK(nodes.in_sync(1));
  CHECK(nodes.in_sync(2));
}

TEST_CASE("users of several nodes: a node that runs and lets nobody in is told before anything is changed") {
  Nodes nodes(content_of_nodes());
  const auto third = nodes.admin(2);
  checked(*third, {"ACL", "SETUSER", "admin", "off"});
  const SecretContent before = nodes.content;
  const Error error = error_of([&] {
    change_users(
        nodes, nodes.running(),
        [](const SecretContent& now) { return with_second_password(now, Secret("another-password"), noon); }, "run-1");
  });
  CHECK(error.has_made_nothing());
  CHECK(nodes.content == before);
  CHECK_FALSE(has(checked(*nodes.admin(0), {"ACL", "LIST"}).items.front().text, sha256_hex("another-password")));
}

}  // namespace raibid::node_users_test
