#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <thread>

namespace raibid {

/// A server on 127.0.0.1 that does to each connection what the test wants, one after the other, in a thread of its own.
/// The connection is closed when the handler returns; it ends with the object.
class TcpServer {
 public:
  class Connection {
   public:
    Connection(int fd, int stop) : m_fd(fd), m_stop(stop) {}
    /// What has come, after waiting until `text` is part of it; what has come when the peer closes or the server stops.
    std::string read_until(std::string_view text);
    /// False when the peer has gone.
    bool send(std::string_view text);
    /// Until the peer closes or the server stops: a server that never answers.
    void hang();
    /// Passes on what comes and what the server at `port` of 127.0.0.1 answers, up to so many bytes of each; then, or
    /// when one of the two closes, both are cut.
    void relay(int port, std::size_t most_in, std::size_t most_out);

   private:
    bool wait_readable();
    int m_fd;
    int m_stop;
  };

  explicit TcpServer(std::function<void(Connection&)> handler);
  ~TcpServer();
  TcpServer(const TcpServer&) = delete;
  TcpServer& operator=(const TcpServer&) = delete;

  int port() const { return m_port; }

 private:
  void serve();

  std::function<void(Connection&)> m_handler;
  int m_listener = -1;
  int m_stop_read = -1, m_stop_write = -1;
  int m_port = 0;
  std::thread m_thread;
};

/// A port of 127.0.0.1 on which nobody listens now.
int free_port();

}  // namespace raibid
