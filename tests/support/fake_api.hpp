#pragma once

#include "support/tcp_server.hpp"
#include "sys/files.hpp"

#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace raibid::test {

/// One request as it arrived.
struct ApiAsked {
  std::string method, path, body;
  std::string headers;  ///< as they came
};

/// An HTTP server on a Unix socket that answers as the test wants, each connection in a thread of its own; and a
/// `kubectl` in a folder of its own whose `proxy` leads to it and whose `config view` prints config.json of that
/// folder, which is first in PATH as long as the object lives.
class FakeApi {
 public:
  using Connection = TcpServer::Connection;
  /// Sends what it likes; false closes the connection.
  using Answer = std::function<bool(const ApiAsked&, Connection&)>;

  explicit FakeApi(Answer answer);
  ~FakeApi();
  FakeApi(const FakeApi&) = delete;
  FakeApi& operator=(const FakeApi&) = delete;

  /// What has been asked so far: "GET /api/v1/…".
  std::vector<ApiAsked> asked() const;
  int connections() const { return m_connections; }
  /// How often kubectl was started, and with what: a line each.
  std::vector<std::string> kubectls() const;
  /// Another kubectl, as a shell script; `$log` is where it writes its command line.
  void kubectl(const std::string& script);
  const fs::path& folder() const { return m_folder.path(); }

 private:
  void accept();
  void serve(int fd);

  TemporaryDirectory m_folder{fs::temp_directory_path()};
  Answer m_answer;
  std::string m_path_before;
  int m_listener = -1, m_stop_read = -1, m_stop_write = -1;
  mutable std::mutex m_mutex;
  std::vector<ApiAsked> m_asked;
  std::atomic<int> m_connections = 0;
  std::list<std::thread> m_threads;
  std::thread m_accepting;
};

/// An answer with a length.
std::string http_answer(int code, const std::string& body, const std::string& headers = {});
/// A refusal as the API gives it.
std::string http_status(int code, const std::string& reason, const std::string& message,
                        const std::string& headers = {});

}  // namespace raibid::test
