// A connection to a pod by the API, and the kubectl that takes its place where the API gives none.
#include "tools/api_stream.hpp"

#include <doctest/doctest.h>

#include "support/fake_api.hpp"
#include "support/machine.hpp"
#include "support/thrown.hpp"
#include "tools/api_runner.hpp"
#include "tools/kubectl.hpp"
#include "tools/port_forward.hpp"
#include "tools/redis_client.hpp"
#include "tools/redis_connection.hpp"
#include "tools/web_socket.hpp"

namespace raibid::api_stream_test {

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using test::ApiAsked;
using test::error_of;
using test::FakeApi;
using test::has;
using test::http_answer;
using test::http_status;

std::string frame(const std::string& payload) { return "\x82"s + static_cast<char>(payload.size()) + payload; }

std::string switched(const ApiAsked& asked) {
  const std::string name = "Sec-WebSocket-Key: ";
  const std::size_t at = asked.headers.find(name) + name.size();
  const std::string key = asked.headers.substr(at, asked.headers.find('\r', at) - at);
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
         web_socket_accept(key) + "\r\n\r\n";
}

const std::string ports = frame("\0\xeb\x18"s) + frame("\1\xeb\x18"s);

struct Scene {
  explicit Scene(FakeApi::Answer answer)
      : api(std::move(answer)), cluster{"", "dev", "https://10.0.0.5:6443", "dev", ""} {}
  PortForward stream() {
    PortForward way(runner, kubectl, "redis-0", 6379);
    way.prefer_stream();
    return way;
  }

  FakeApi api;
  Machine machine;
  TemporaryDirectory temporary{fs::temp_directory_path()};
  ApiRunner runner{machine.runner, temporary.path()};
  Cluster cluster;
  Kubectl kubectl{runner, cluster, "apps"};
};

}  // namespace

TEST_CASE("api stream: Redis in a pod is reached through the proxy, without another kubectl, as often as wanted") {
  Scene scene([](const ApiAsked& asked, FakeApi::Connection& connection) {
    // the answer to the PING that will come
    return connection.send(switched(asked) + ports + frame("\0+PONG\r\n"s));
  });
  PortForward way = scene.stream();
  CHECK(way.wait_ready(scene.machine.in(20s)) == 6379);
  REQUIRE(way.way() != nullptr);
  HiredisConnector connector(scene.runner);
  RedisEndpoint endpoint;
  endpoint.host = "pod redis-0";
  endpoint.way = way.way();
  for (int count = 0; count < 2 && way.way() != nullptr; ++count) {
    const auto redis = connector.connect(endpoint, 5s);
    CHECK(redis->command({"PING"}).text == "PONG");
  }
  CHECK(scene.api.kubectls().size() == 1);  // the proxy
  const auto asked = scene.api.asked();
  REQUIRE(asked.size() == 2);
  CHECK(asked[0].path == "/api/v1/namespaces/apps/pods/redis-0/portforward?ports=6379");
  CHECK(has(asked[0].headers, "Sec-WebSocket-Protocol: v4.channel.k8s.io"));
}

TEST_CASE("api stream: a connection that breaks ends the way, and the next one is another") {
  Scene scene([](const ApiAsked& asked, FakeApi::Connection& connection) {
    return connection.send(switched(asked) + ports + frame("\1connection refused"s));
  });
  PortForward way = scene.stream();
  REQUIRE(way.wait_ready(scene.machine.in(20s)) == 6379);
  HiredisConnector connector(scene.runner);
  RedisEndpoint endpoint;
  endpoint.way = way.way();
  const auto redis = connector.connect(endpoint, 5s);
  CHECK(has(error_of([&] { redis->command({"PING"}); }).message(), "Redis in pod redis-0: connection refused"));
  CHECK(way.finished());
  CHECK(way.way() == nullptr);
  way.ensure();
  CHECK(way.wait_ready(scene.machine.in(20s)) == 6379);
  CHECK(scene.api.kubectls().size() == 1);
}

TEST_CASE("api stream: where the API gives none it is a kubectl port-forward, with its own port and words") {
  const std::vector<std::string> refusals = {
      http_status(403, "Forbidden", "pods \"redis-0\" is forbidden"), http_status(404, "NotFound", "no such page"),
      http_answer(400, "Upgrade request required"),
      "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: of another key\r\n\r\n", "no HTTP at all\r\n\r\n"};
  for (const std::string& refusal : refusals) {
    CAPTURE(refusal);
    Scene scene([&](const ApiAsked&, FakeApi::Connection& connection) { return connection.send(refusal) && false; });
    scene.api.kubectl(R"(
case " $* " in
  *" port-forward "*) echo 'Forwarding from 127.0.0.1:40123 -> 6379'; exec sleep 1000;;
esac
for word; do
  case $word in
    --unix-socket=*) ln -s "$folder/server" "${word#*=}"; echo "Starting to serve on ${word#*=}"; exec sleep 1000;;
  esac
done
)");
    PortForward way = scene.stream();
    CHECK(way.wait_ready(scene.machine.in(20s)) == 40123);
    CHECK(way.way() == nullptr);
    REQUIRE(scene.api.kubectls().size() == 2);
    CHECK(has(scene.api.kubectls()[1], "port-forward --address 127.0.0.1 pod/redis-0 :6379"));
  }
}

TEST_CASE("api stream: without a proxy, and for another port of this machine, it is a kubectl port-forward at once") {
  Scene scene([](const ApiAsked&, FakeApi::Connection&) { return false; });
  scene.api.kubectl(R"(
case " $* " in
  *" port-forward "*) echo 'Forwarding from 127.0.0.1:40123 -> 6379'; exec sleep 1000;;
esac
echo 'error: unknown command "proxy"' >&2
exit 1
)");
  PortForward way = scene.stream();
  CHECK(way.wait_ready(scene.machine.in(20s)) == 40123);
  CHECK(scene.api.asked().empty());
  PortForward chosen(scene.runner, scene.kubectl, "redis-0", 6379, 40123);
  chosen.prefer_stream();
  CHECK(chosen.wait_ready(scene.machine.in(20s)) == 40123);
  CHECK(chosen.way() == nullptr);
}

}  // namespace raibid::api_stream_test
