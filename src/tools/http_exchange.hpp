#pragma once

#include <poll.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sys/unique_fd.hpp"

namespace raibid {

/// One request and its answer over a connection, HTTP/1.1 (RFC 9112). It never waits: the caller polls, and `handle`
/// reads and writes what can be.
class HttpExchange {
 public:
  /// What of a body nobody has taken may be this long.
  static constexpr std::size_t most_unread = 64 << 20;

  /// `request` is the whole text, headers and body; it is wiped when it is sent. `connection` is a socket that does not
  /// block.
  HttpExchange(UniqueFd connection, std::string request);
  ~HttpExchange();
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;

  /// Adds one place to a list for poll.
  void watch(std::vector<pollfd>& list) const;
  /// Sends and receives. True when more of the answer came, or it ended. Throws Error (failure) when the answer is too
  /// long.
  bool handle();

  bool ended() const { return m_complete || m_broken; }
  /// The whole answer is here. One that ended otherwise broke off, or is no HTTP.
  bool complete() const { return m_complete; }
  /// Something of the answer has come.
  bool began() const { return m_began; }

  /// The answer's status, 0 until its headers have come.
  int code() const { return m_code; }
  /// What has come of the body and nobody has taken away.
  std::string& body() { return m_body; }
  /// The values of a header, by its name in lower case.
  const std::vector<std::string>& header(const std::string& name) const;

  /// The connection, for the next request; nothing when it cannot serve another.
  UniqueFd release();

 private:
  struct Parser;
  void send();
  bool receive();
  void parse(std::string_view bytes);

  UniqueFd m_connection;
  std::string m_request;
  std::size_t m_sent = 0;
  std::unique_ptr<Parser> m_parser;
  std::string m_name, m_value;  ///< of the header that is being read
  bool m_in_value = false;
  std::map<std::string, std::vector<std::string>> m_headers;
  std::string m_body;
  int m_code = 0;
  bool m_began = false, m_complete = false, m_broken = false, m_keep = false;
};

}  // namespace raibid
