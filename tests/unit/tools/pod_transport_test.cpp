// A connection to a pod's port over a WebSocket: the other end is the test.
#include "tools/pod_transport.hpp"

#include <doctest/doctest.h>

#include <poll.h>
#include <sys/socket.h>

#include <array>

#include "support/thrown.hpp"
#include "tools/web_socket.hpp"

namespace raibid::pod_transport_test {

namespace {

using test::error_of;
using test::has;
using namespace std::string_literals;

std::string frame(int first, const std::string& payload) {
  std::string text(1, static_cast<char>(first));
  if (payload.size() < 126) return text + static_cast<char>(payload.size()) + payload;
  return text + static_cast<char>(126) + static_cast<char>(payload.size() >> 8) +
         static_cast<char>(payload.size() & 0xff) + payload;
}

const std::string port = "\xeb\x18"s;  // 6379, the lower byte first
const std::string ports = frame(0x82, "\0"s + port) + frame(0x82, "\1"s + port);

struct Ends {
  explicit Ends(std::string_view received = {}) {
    std::array<int, 2> pair{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()) == 0);
    other = UniqueFd(pair[1]);
    ours = pod_transport(UniqueFd(pair[0]), received, "Redis in pod x", broken);
  }
  void say(const std::string& text) {
    REQUIRE(::send(other.get(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
  }
  std::string read(std::size_t size = 4096) {
    std::string buffer(size, '\0');
    const Transport::Read got = ours->read(buffer);
    last = got;
    return buffer.substr(0, got.bytes);
  }
  /// What we have sent, without masks: opcode and payload of each frame.
  std::vector<std::pair<int, std::string>> sent() {
    std::array<char, 1 << 20> buffer;
    const ssize_t count = ::recv(other.get(), buffer.data(), buffer.size(), 0);
    std::string text(buffer.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
    std::vector<std::pair<int, std::string>> frames;
    for (std::size_t at = 0; at + 6 <= text.size();) {
      const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
      CHECK((byte(1) & 0x80) != 0);
      std::size_t length = byte(1) & 0x7f, head = 2;
      if (length == 126) length = static_cast<std::size_t>(byte(2)) << 8 | byte(3), head = 4;
      if (length == 127) {
        length = static_cast<std::size_t>(byte(7)) << 16 | static_cast<std::size_t>(byte(8)) << 8 | byte(9);
        head = 10;
      }
      std::string payload = text.substr(at + head + 4, length);
      for (std::size_t i = 0; i < payload.size(); ++i)
        payload[i] = static_cast<char>(payload[i] ^ text[at + head + i % 4]);
      frames.emplace_back(byte(0), payload);
      at += head + 4 + length;
    }
    return frames;
  }

  std::shared_ptr<bool> broken = std::make_shared<bool>(false);
  UniqueFd other;
  std::unique_ptr<Transport> ours;
  Transport::Read last;
};

}  // namespace

TEST_CASE("pod transport: bytes go on channel 0, and come without channel and port, however they are cut") {
  Ends ends(ports.substr(0, 3));
  CHECK(ends.ours->write("PING\r\n") == 6);
  const auto sent = ends.sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].first == 0x82);
  CHECK(sent[0].second == "\0PING\r\n"s);
  for (const char byte : ports.substr(3) + frame(0x82, "\0+PO"s) + frame(0x82, "\0NG\r\n"s))
    ends.say(std::string(1, byte));
  CHECK(ends.read() == "+PONG\r\n");
  CHECK(ends.read().empty());
  CHECK_FALSE(ends.last.closed);
  CHECK_FALSE(*ends.broken);
}

TEST_CASE("pod transport: a port in two pieces, other channels and empty messages are left out") {
  Ends ends;
  ends.say(frame(0x82, "\0\xeb"s) + frame(0x82, ""s) + frame(0x82, "\0\x18:1\r\n"s) + frame(0x82, "\7x"s) +
           frame(0x81, "\0:2\r\n"s));
  CHECK(ends.read() == ":1\r\n:2\r\n");
}

TEST_CASE("pod transport: more than a buffer takes is told, and read without poll") {
  Ends ends(ports);
  ends.say(frame(0x82, "\0"s + std::string(1000, 'x')));
  CHECK(ends.read(600).size() == 600);
  CHECK(ends.last.more);
  CHECK(ends.read(600).size() == 400);
  CHECK_FALSE(ends.last.more);
}

TEST_CASE("pod transport: what the kubelet says of an error is the error, after what came before it") {
  Ends ends(ports);
  ends.say(frame(0x82, "\0+OK\r\n"s) + frame(0x82, "\1connection refused\x1b"s));
  CHECK(ends.read() == "+OK\r\n");
  const Error error = error_of([&] { ends.read(); });
  CHECK(error.code() == ExitCode::failure);
  CHECK(has(error.message(), "cannot connect to Redis in pod x: connection refused"));
  CHECK_FALSE(has(error.message(), "\x1b"));
  CHECK(*ends.broken);
}

TEST_CASE("pod transport: a ping is answered, a close and an end are an end") {
  Ends ends(ports);
  ends.say(frame(0x89, "are you there"));
  CHECK(ends.read().empty());
  const auto sent = ends.sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].first == 0x8a);
  CHECK(sent[0].second == "are you there");
  ends.say(frame(0x82, "\0last"s) + frame(0x88, ""));
  CHECK(ends.read() == "last");
  CHECK(ends.read().empty());
  CHECK(ends.last.closed);
  CHECK(*ends.broken);
  CHECK(ends.ours->write("x") == 1);  // nobody takes it; reading tells
  Ends cut(ports);
  cut.other = UniqueFd();
  CHECK(cut.read().empty());
  CHECK(cut.last.closed);
}

TEST_CASE("pod transport: a peer that takes nothing is not sent without end, and all goes out once it reads") {
  Ends ends(ports);
  const std::string much(8 << 20, 'x');
  std::size_t taken = 0;
  for (std::size_t now = 1; now > 0; taken += now) now = ends.ours->write(std::string_view(much).substr(taken));
  CHECK(taken < much.size());
  CHECK((ends.ours->events(true, false) & POLLOUT) != 0);  // who waits for an answer sends the rest
  CHECK(ends.ours->may_read(POLLOUT));
  std::size_t arrived = 0;
  std::array<char, 1 << 20> buffer;
  while (arrived < taken) {
    const ssize_t count = ::recv(ends.other.get(), buffer.data(), buffer.size(), 0);
    if (count > 0) arrived += static_cast<std::size_t>(count);
    CHECK(ends.read().empty());
    if (count <= 0 && (ends.ours->events(true, false) & POLLOUT) == 0) break;
  }
  CHECK(arrived > taken);  // frames have heads
  CHECK((ends.ours->events(true, false) & POLLOUT) == 0);
}

}  // namespace raibid::pod_transport_test
