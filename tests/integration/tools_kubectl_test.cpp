#include "base/error.hpp"
#include "support/machine.hpp"
#include "support/tcp_server.hpp"
#include "sys/files.hpp"
#include "tools/kubectl.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace raibid::tools_kubectl_test {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

/// Real kubectl, kubeconfigs of our own, and no cluster.
struct KubectlFixture : Machine {
  TemporaryDirectory folder{std::filesystem::temp_directory_path()};
  bool absent = program("kubectl").empty();

  KubectlFixture() {
    if (absent) MESSAGE("skipped: no kubectl on PATH");
  }

  std::string file(const std::string& name, const std::string& content) {
    const fs::path path = folder.path() / name;
    write_atomic(path, content);
    return path;
  }

  std::string kubeconfig(const std::string& server, const json& user = {{"token", "t"}}) {
    const json config = {{"apiVersion", "v1"},
                         {"kind", "Config"},
                         {"current-context", "here"},
                         {"clusters", {{{"name", "c"}, {"cluster", {{"server", server}}}}}},
                         {"users", {{{"name", "u"}, {"user", user}}}},
                         {"contexts",
                          {{{"name", "here"}, {"context", {{"cluster", "c"}, {"user", "u"}, {"namespace", "apps"}}}},
                           {{"name", "there"}, {"context", {{"cluster", "c"}, {"user", "u"}}}}}}};
    return file("config", config.dump());
  }

  Cluster choose(const std::string& path, const std::string& context = {}) {
    return Kubectl::parse_config_view(run(runner, Kubectl::config_view(path), in(20s)), path, context);
  }

  Error choosing(const std::string& path, const std::string& context = {}) {
    try {
      choose(path, context);
    } catch (const Error& error) {
      return error;
    }
    return Error(ExitCode::ok, "no error");
  }

  /// What comes of asking that cluster.
  Error asking(const std::string& config, std::chrono::seconds limit = 20s) {
    // a home of its own: a cache of another server's kinds would change what is asked first
    const Kubectl kubectl(runner, choose(config), "apps");
    Command command = kubectl.list("pods", "");
    command.environment.emplace_back("KUBECACHEDIR", (folder.path() / "cache").string());
    try {
      kubectl.run_checked(command, in(limit));
    } catch (const Error& error) {
      return error;
    }
    return Error(ExitCode::ok, "no error");
  }
};

/// An API that gives every question the same answer.
struct SameAnswer {
  explicit SameAnswer(std::string status, std::string body, std::string type = "application/json")
      : server([=](TcpServer::Connection& peer) {
          peer.read_until("\r\n\r\n");
          peer.send(fmt::format("HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
                                status, type, body.size(), body));
        }) {}
  std::string url() const { return fmt::format("http://127.0.0.1:{}", server.port()); }
  TcpServer server;
};

std::string status_object(int code, const std::string& reason, const std::string& message) {
  return json{{"kind", "Status"},   {"apiVersion", "v1"}, {"status", "Failure"},
              {"message", message}, {"reason", reason},   {"code", code}}
      .dump();
}

bool begins(const std::string& text, std::string_view with) { return text.compare(0, with.size(), with) == 0; }

}  // namespace

TEST_CASE_FIXTURE(KubectlFixture, "choosing a cluster from a kubeconfig") {
  if (absent) return;
  const std::string path = kubeconfig("https://127.0.0.1:6443");
  const Cluster cluster = choose(path);
  CHECK(cluster.context == "here");
  CHECK(cluster.server == "https://127.0.0.1:6443");
  CHECK(cluster.context_namespace == "apps");
  CHECK(choose(path, "there").context_namespace == "");
  CHECK(choosing(path, "therre").message() ==
        "there is no context therre in the kubeconfig " + path + "; did you mean there?");
}

TEST_CASE_FIXTURE(KubectlFixture, "kubeconfigs that do not do") {
  if (absent) return;
  const std::string missing = folder.path() / "missing";
  CHECK(choosing(missing).message() == "there is no kubeconfig " + missing);
  const std::string empty = file("empty", "");
  CHECK(choosing(empty).message() == "the kubeconfig " + empty + " names no cluster");
  for (const std::string& path :
       {folder.path().string(), file("garbage", "{{{ nope"), file("binary", std::string("\x01\x02\xff\x00k", 5))}) {
    const Error error = choosing(path);
    CHECK(begins(error.message(), "the kubeconfig " + path + " cannot be used: "));
    CHECK(error.code() == ExitCode::preflight);
    CHECK(error.hint() != "");
  }
}

TEST_CASE_FIXTURE(KubectlFixture, "no cluster at the address") {
  if (absent) return;
  const Error refused = asking(kubeconfig(fmt::format("https://127.0.0.1:{}", free_port())));
  CHECK(begins(refused.message(), "the cluster of context here does not answer: "));
  CHECK(refused.code() == ExitCode::preflight);
  const Error unknown = asking(kubeconfig("https://no-such-host.invalid:6443"));
  CHECK(unknown.code() == ExitCode::preflight);
  CHECK(unknown.message().find("context here") != std::string::npos);
}

TEST_CASE_FIXTURE(KubectlFixture, "a server that never answers ends at the deadline") {
  if (absent) return;
  TcpServer silent([](TcpServer::Connection& peer) { peer.hang(); });
  const auto start = clock.now();
  const Error error = asking(kubeconfig(fmt::format("https://127.0.0.1:{}", silent.port())), 2s);
  CHECK(clock.now() - start < 30s);
  CHECK(error.message() == "the cluster of context here did not answer in time (kubectl get)");
  CHECK(error.code() == ExitCode::preflight);
}

TEST_CASE_FIXTURE(KubectlFixture, "what answers is no Kubernetes, or refuses us") {
  if (absent) return;
  const SameAnswer web("200 OK", "<html>hello</html>", "text/html");
  CHECK(begins(asking(kubeconfig(web.url())).message(),
               "what answers at the server of context here is not a Kubernetes API: "));

  const SameAnswer unauthorized("401 Unauthorized", status_object(401, "Unauthorized", "Unauthorized"));
  CHECK(begins(asking(kubeconfig(unauthorized.url())).message(), "the cluster of context here refuses the login: "));

  const SameAnswer forbidden("403 Forbidden",
                             status_object(403, "Forbidden", "forbidden: User \"u\" cannot get path \"/api\""));
  const Error error = asking(kubeconfig(forbidden.url()));
  CHECK(begins(error.message(), "this account may not even ask the cluster of context here what it has"));
  CHECK(error.code() == ExitCode::preflight);

  TcpServer no_tls(
      [](TcpServer::Connection& peer) { peer.send("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"); });
  CHECK(begins(asking(kubeconfig(fmt::format("https://127.0.0.1:{}", no_tls.port()))).message(),
               "what answers at the server of context here is not a Kubernetes API: "));
}

TEST_CASE_FIXTURE(KubectlFixture, "credentials that are missing or cannot be made") {
  if (absent) return;
  const std::string https = fmt::format("https://127.0.0.1:{}", free_port());
  const Error none = asking(kubeconfig(https, json::object()));
  CHECK(none.message() ==
        "the kubeconfig " + (folder.path() / "config").string() + " has no credentials for context here");
  const Error plugin = asking(kubeconfig(https, {{"exec",
                                                  {{"apiVersion", "client.authentication.k8s.io/v1"},
                                                   {"command", "no-such-login-program"},
                                                   {"interactiveMode", "Never"}}}}));
  CHECK(begins(plugin.message(), "the credential plugin of context here failed: "));
  const Error files =
      asking(kubeconfig(https, {{"client-certificate", "/does/not/exist.pem"}, {"client-key", "/does/not/exist.key"}}));
  CHECK(files.message().find("cannot be used: unable to read client-cert") != std::string::npos);
  for (const Error& error : {none, plugin, files}) CHECK(error.code() == ExitCode::preflight);
}

}  // namespace raibid::tools_kubectl_test
