#include "tools/http_exchange.hpp"

#include "base/error.hpp"
#include "support/thrown.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>

namespace raibid::http_exchange_test {

namespace {

/// The two ends of a connection: the exchange's, and the server's that the test plays.
struct Wire {
  Wire() {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) == 0);
    ours = UniqueFd(ends[0]);
    server = UniqueFd(ends[1]);
  }
  void says(std::string_view text) const {
    REQUIRE(::send(server.get(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
  }
  std::string heard() const {
    std::string all;
    std::array<char, 65536> buffer;
    for (ssize_t n = 0; (n = ::recv(server.get(), buffer.data(), buffer.size(), 0)) > 0;)
      all.append(buffer.data(), static_cast<std::size_t>(n));
    return all;
  }
  UniqueFd ours, server;
};

constexpr auto request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

struct Form {
  std::string name;
  std::string text;
  bool closes = false;  ///< the end of the connection is the end of the answer
  bool stays = true;    ///< the connection can serve another request
};

std::vector<Form> forms() {
  return {
      {"a length",
       "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nWarning: 299 - \"a\"\r\nwarning: 299 - \"b\"\r\n\r\n{\"a\":1}"},
      {"chunks",
       "HTTP/1.1 200 OK\r\nWarning: 299 - \"a\"\r\nWarning: 299 - \"b\"\r\nTransfer-Encoding: chunked\r\n\r\n"
       "3;x=y\r\n{\"a\r\n4\r\n\":1}\r\n0\r\nTrailer: t\r\n\r\n"},
      {"an interim answer first",
       "HTTP/1.1 100 Continue\r\nWarning: 299 - \"x\"\r\n\r\nHTTP/1.1 200 OK\r\nWarning: 299 - \"a\"\r\nWarning: 299 "
       "- \"b\"\r\n"
       "Content-Length: 7\r\n\r\n{\"a\":1}"},
      {"a connection that the server closes",
       "HTTP/1.1 200 OK\r\nConnection: close\r\nWarning: 299 - \"a\"\r\nWarning: 299 - \"b\"\r\nContent-Length: "
       "7\r\n\r\n{\"a\":1}",
       false, false},
      {"the end of the connection", "HTTP/1.1 200 OK\r\nWarning: 299 - \"a\"\r\nWarning: 299 - \"b\"\r\n\r\n{\"a\":1}",
       true, false}};
}

}  // namespace

TEST_CASE("an HTTP answer is read whatever marks its end and wherever it is split") {
  for (const Form& form : forms()) {
    CAPTURE(form.name);
    for (std::size_t cut = 0; cut <= form.text.size(); ++cut) {
      CAPTURE(cut);
      Wire wire;
      HttpExchange exchange(std::move(wire.ours), request);
      CHECK(wire.heard() == request);
      wire.says(form.text.substr(0, cut));
      exchange.handle();
      CHECK(exchange.ended() == (cut == form.text.size() && !form.closes));
      wire.says(form.text.substr(cut));
      if (form.closes) wire.server.reset();
      exchange.handle();
      REQUIRE(exchange.complete());
      CHECK(exchange.code() == 200);
      CHECK(exchange.body() == "{\"a\":1}");
      CHECK(exchange.header("warning") == std::vector<std::string>{"299 - \"a\"", "299 - \"b\""});
      CHECK(static_cast<bool>(exchange.release()) == form.stays);
    }
  }
}

TEST_CASE("an HTTP answer byte by byte") {
  for (const Form& form : forms()) {
    CAPTURE(form.name);
    Wire wire;
    HttpExchange exchange(std::move(wire.ours), request);
    for (const char c : form.text) {
      CHECK_FALSE(exchange.complete());
      wire.says(std::string(1, c));
      exchange.handle();
    }
    if (form.closes) wire.server.reset();
    exchange.handle();
    REQUIRE(exchange.complete());
    CHECK(exchange.body() == "{\"a\":1}");
  }
}

TEST_CASE("an HTTP answer that breaks off anywhere is told from a whole one") {
  for (const Form& form : forms()) {
    if (form.closes) continue;  // its end cannot be told from a break
    CAPTURE(form.name);
    for (std::size_t cut = 0; cut < form.text.size(); ++cut) {
      CAPTURE(cut);
      Wire wire;
      HttpExchange exchange(std::move(wire.ours), request);
      wire.says(form.text.substr(0, cut));
      wire.server.reset();
      exchange.handle();
      CHECK(exchange.ended());
      CHECK_FALSE(exchange.complete());
      CHECK(exchange.began() == (cut > 0));
      CHECK_FALSE(exchange.release());
    }
  }
}

TEST_CASE("what is no HTTP breaks the exchange") {
  for (const char* text : {"SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "\x16\x03\x01",
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    CAPTURE(text);
    Wire wire;
    HttpExchange exchange(std::move(wire.ours), request);
    wire.says(text);
    exchange.handle();
    CHECK(exchange.ended());
    CHECK_FALSE(exchange.complete());
  }
}

TEST_CASE("a request that does not fit into the socket goes out as the server reads it") {
  Wire wire;
  const std::string large = std::string(request) + std::string(4 << 20, 'x');
  HttpExchange exchange(std::move(wire.ours), large);
  std::vector<pollfd> list;
  exchange.watch(list);
  CHECK((list[0].events & POLLOUT) != 0);
  std::string heard;
  for (int i = 0; i < 10000 && heard.size() < large.size(); ++i) {
    heard += wire.heard();
    exchange.handle();
  }
  CHECK(heard == large);
  list.clear();
  exchange.watch(list);
  CHECK((list[0].events & POLLOUT) == 0);
}

TEST_CASE("an HTTP answer of more than 64 MiB is refused") {
  Wire wire;
  HttpExchange exchange(std::move(wire.ours), request);
  ::fcntl(wire.server.get(), F_SETFL, 0);
  std::thread server([fd = wire.server.get()] {
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 80000000\r\n\r\n";
    const std::string piece(1 << 20, 'x');
    ::send(fd, head.data(), head.size(), MSG_NOSIGNAL);
    while (::send(fd, piece.data(), piece.size(), MSG_NOSIGNAL) > 0) {
    }
  });
  const auto read_all = [&] {
    while (!exchange.ended()) {
      std::vector<pollfd> list;
      exchange.watch(list);
      ::poll(list.data(), list.size(), 10000);
      exchange.handle();
    }
  };
  CHECK(test::has(test::error_of(read_all).message(), "64 MiB"));
  ::shutdown(wire.server.get(), SHUT_RDWR);
  server.join();
}

}  // namespace raibid::http_exchange_test
