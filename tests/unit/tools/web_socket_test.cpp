// Frames of a WebSocket, by the examples of RFC 6455 and by what a server may not send.
#include "tools/web_socket.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "support/thrown.hpp"

namespace raibid::web_socket_test {

namespace {

using test::error_of;
using test::has;

/// As a server sends it: not masked.
std::string frame(int first, const std::string& payload, const std::string& length = {}) {
  std::string text(1, static_cast<char>(first));
  text += length.empty() ? std::string(1, static_cast<char>(payload.size())) : length;
  return text + payload;
}

std::string bytes(std::initializer_list<int> all) {
  std::string text;
  for (const int byte : all) text += static_cast<char>(byte);
  return text;
}

}  // namespace

TEST_CASE("web socket: a client's frame is masked, its length in one, three or nine bytes") {
  std::string hello;
  append_web_socket_frame(hello, WebSocketOpcode::text, "Hello", 0x37fa213d);  // RFC 6455, section 5.7
  CHECK(hello == bytes({0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}));
  std::string longer;
  append_web_socket_frame(longer, WebSocketOpcode::binary, std::string(256, 'x'), 0);
  CHECK(longer.substr(0, 8) == bytes({0x82, 0xfe, 0x01, 0x00, 0, 0, 0, 0}));
  CHECK(longer.substr(8) == std::string(256, 'x'));
  std::string longest;
  append_web_socket_frame(longest, WebSocketOpcode::binary, std::string(65536, 'x'), 0);
  CHECK(longest.substr(0, 14) == bytes({0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}));
  std::string empty;
  append_web_socket_frame(empty, WebSocketOpcode::pong, "", 0x01020304);
  CHECK(empty == bytes({0x8a, 0x80, 1, 2, 3, 4}));
}

TEST_CASE("web socket: messages are taken apart wherever the bytes are cut") {
  const std::string all =
      frame(0x82, "one") + frame(0x82, std::string(300, 'y'), bytes({126, 1, 44})) + frame(0x02, "in ") +
      frame(0x89, "ping") + frame(0x00, "three ") + frame(0x80, "pieces") + frame(0x82, "") +
      frame(0x82, std::string(70000, 'z'), bytes({127, 0, 0, 0, 0, 0, 1, 0x11, 0x70})) + frame(0x88, "");
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, all.size()}) {
    CAPTURE(step);
    WebSocketReader reader;
    std::vector<WebSocketReader::Message> got;
    for (std::size_t at = 0; at < all.size(); at += step) {
      reader.add(std::string_view(all).substr(at, step));
      while (auto message = reader.next()) got.push_back(std::move(*message));
    }
    REQUIRE(got.size() == 7);
    CHECK(got[0].payload == "one");
    CHECK(got[1].payload == std::string(300, 'y'));
    CHECK(got[2].opcode == WebSocketOpcode::ping);  // it may come between the pieces of a message
    CHECK(got[2].payload == "ping");
    CHECK(got[3].opcode == WebSocketOpcode::binary);
    CHECK(got[3].payload == "in three pieces");
    CHECK(got[4].payload.empty());
    CHECK(got[5].payload == std::string(70000, 'z'));
    CHECK(got[6].opcode == WebSocketOpcode::close);
  }
}

TEST_CASE("web socket: what a server may not send is refused") {
  const auto why = [](const std::string& sent) {
    WebSocketReader reader;
    reader.add(sent);
    return error_of([&] {
             while (reader.next()) continue;
           })
        .message();
  };
  CHECK(has(why(bytes({0x82, 0x81, 0, 0, 0, 0, 'x'})), "masked"));
  CHECK(has(why(bytes({0xc2, 0x01, 'x'})), "reserved"));
  CHECK(has(why(bytes({0x09, 0x00})), "control frame"));
  CHECK(has(why(bytes({0x89, 126, 0, 200})), "control frame"));
  CHECK(has(why(bytes({0x80, 0x01, 'x'})), "piece"));
  CHECK(has(why(frame(0x02, "a") + frame(0x82, "b")), "piece"));
  CHECK(has(why(bytes({0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0})), "longer than 16 MiB"));
  // in pieces, too
  std::string pieces;
  for (int count = 0; count < 300; ++count)
    pieces += frame(count == 0 ? 0x02 : 0x00, std::string(65535, 'x'), bytes({126, 0xff, 0xff}));
  CHECK(has(why(pieces), "longer than 16 MiB"));
}

TEST_CASE("web socket: the handshake's key is new each time, and its answer is the one of the RFC") {
  CHECK(web_socket_accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  CHECK(web_socket_key().size() == 24);
  CHECK(web_socket_key() != web_socket_key());
}

}  // namespace raibid::web_socket_test
