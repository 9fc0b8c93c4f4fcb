#include "tools/http_exchange.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"

#include <http_parser.h>
#include <string.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

namespace raibid {

/// http_parser calls back into the exchange.
struct HttpExchange::Parser {
  http_parser state{};
  http_parser_settings calls{};

  explicit Parser(HttpExchange& owner) {
    http_parser_init(&state, HTTP_RESPONSE);
    state.data = &owner;
    http_parser_settings_init(&calls);
    calls.on_header_field = [](http_parser* parser, const char* at, std::size_t length) {
      HttpExchange& self = of(parser);
      if (std::exchange(self.m_in_value, false)) keep_header(self);
      self.m_name.append(at, length);
      return 0;
    };
    calls.on_header_value = [](http_parser* parser, const char* at, std::size_t length) {
      of(parser).m_in_value = true;
      of(parser).m_value.append(at, length);
      return 0;
    };
    calls.on_headers_complete = [](http_parser* parser) {
      HttpExchange& self = of(parser);
      if (std::exchange(self.m_in_value, false)) keep_header(self);
      if (is_interim(parser)) {
        self.m_headers.clear();
      } else {
        self.m_code = static_cast<int>(parser->status_code);
      }
      return 0;
    };
    calls.on_body = [](http_parser* parser, const char* at, std::size_t length) {
      of(parser).m_body.append(at, length);
      return 0;
    };
    calls.on_message_complete = [](http_parser* parser) {
      if (is_interim(parser)) return 0;
      of(parser).m_complete = true;
      of(parser).m_keep = http_should_keep_alive(parser) != 0;
      http_parser_pause(parser, 1);  // nothing can follow: one request, one answer
      return 0;
    };
  }

  static HttpExchange& of(http_parser* parser) { return *static_cast<HttpExchange*>(parser->data); }
  /// "100 Continue" and its like: the answer follows.
  static bool is_interim(const http_parser* parser) { return parser->status_code / 100 == 1; }
  static void keep_header(HttpExchange& self) {
    self.m_headers[to_lower(self.m_name)].push_back(std::move(self.m_value));
    self.m_name.clear();
    self.m_value.clear();
  }
};

HttpExchange::HttpExchange(UniqueFd connection, std::string request)
    : m_connection(std::move(connection)), m_request(std::move(request)), m_parser(std::make_unique<Parser>(*this)) {
  send();  // most requests fit into the socket at once
}

HttpExchange::~HttpExchange() { explicit_bzero(m_request.data(), m_request.size()); }

void HttpExchange::watch(std::vector<pollfd>& list) const {
  const bool unsent = m_sent < m_request.size();
  list.push_back({m_connection.get(), static_cast<short>(POLLIN | (unsent ? POLLOUT : 0)), 0});
}

bool HttpExchange::handle() {
  if (ended()) return true;
  send();
  return receive();
}

const std::vector<std::string>& HttpExchange::header(const std::string& name) const {
  static const std::vector<std::string> none;
  const auto found = m_headers.find(name);
  return found == m_headers.end() ? none : found->second;
}

UniqueFd HttpExchange::release() {
  const bool reusable = m_complete && m_keep && m_sent == m_request.size();
  return reusable ? std::move(m_connection) : UniqueFd();
}

void HttpExchange::send() {
  while (m_sent < m_request.size()) {
    const ssize_t count =
        ::send(m_connection.get(), m_request.data() + m_sent, m_request.size() - m_sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return;  // not now; or never, and then reading says so: an answer may have come before
    m_sent += static_cast<std::size_t>(count);
  }
  explicit_bzero(m_request.data(), m_request.size());
}

bool HttpExchange::receive() {
  constexpr std::size_t at_once = 256 << 10;  // so that one answer does not keep us from the others
  std::array<char, 65536> buffer;
  std::size_t total = 0;
  while (!ended() && total < at_once) {
    const ssize_t count = ::recv(m_connection.get(), buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return total > 0;
    parse(std::string_view(buffer.data(), count > 0 ? static_cast<std::size_t>(count) : 0));
    if (count <= 0) {
      m_broken = !m_complete;
      return true;
    }
    total += static_cast<std::size_t>(count);
    if (m_body.size() > most_unread) throw Error(ExitCode::failure, "the Kubernetes API sent more than 64 MiB");
  }
  return true;
}

/// No bytes: the connection has ended, which for some answers is their end.
void HttpExchange::parse(std::string_view bytes) {
  m_began = m_began || !bytes.empty();
  http_parser_execute(&m_parser->state, &m_parser->calls, bytes.data(), bytes.size());
  if (!m_complete && HTTP_PARSER_ERRNO(&m_parser->state) != HPE_OK) m_broken = true;
}

}  // namespace raibid
