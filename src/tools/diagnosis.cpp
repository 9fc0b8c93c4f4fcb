#include "tools/diagnosis.hpp"

#include "base/strings.hpp"
#include "tools/retry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <span>

namespace raibid {

namespace {

constexpr std::size_t longest_reason = 700;
constexpr int unauthorized = 401;

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// klog ("E1121 09:11:39.097416 …"), log/slog ("level=WARN …"), server warnings: beside the reason, never the reason.
bool is_log_line(std::string_view line) {
  if (line.starts_with("level=") || line.starts_with("coalesce.go:")) return true;
  if (line.starts_with("WARNING:") || line.starts_with("Warning:")) return true;
  return line.size() > 6 && has("IWEF", line.substr(0, 1)) && line[5] == ' ' &&
         std::all_of(line.begin() + 1, line.begin() + 5, [](unsigned char c) { return std::isdigit(c) != 0; });
}

std::string_view without_prefixes(std::string_view text) {
  static constexpr std::array<std::string_view, 9> prefixes = {"Error: ",
                                                               "error: ",
                                                               "Error in configuration:",
                                                               "UPGRADE FAILED: ",
                                                               "ROLLBACK FAILED: ",
                                                               "INSTALLATION FAILED: ",
                                                               "uninstall: ",
                                                               "error when creating \"STDIN\": ",
                                                               "Unable to connect to the server: "};
  for (bool again = true; again;) {
    again = false;
    text = trim(text);
    for (const std::string_view prefix : prefixes) {
      if (text.starts_with(prefix)) {
        text.remove_prefix(prefix.size());
        again = true;
      }
    }
    // "Error from server (Forbidden): ": the words behind it say the same, if they say anything
    if (text.starts_with("Error from server") || text.starts_with("error from server")) {
      if (const auto colon = text.find(": "); colon != std::string_view::npos && !text.ends_with(": unknown")) {
        text.remove_prefix(colon + 2);
        again = true;
      }
    }
  }
  return text;
}

/// One kind of failure: any of `signs` in the reason means it.
struct Rule {
  std::vector<std::string_view> signs;
  std::string_view message;  ///< {context} {kubeconfig} {namespace} {reason}
  std::string_view hint;
  bool unreachable = false;  ///< nobody answered: it may be a proxy on the way
};

/// The first that fits; the order is from the particular to the general.
const std::vector<Rule>& cluster_rules() {
  static const std::vector<Rule> rules = {
      {{"proxyconnect"},
       "the proxy on the way to the cluster of context {context} does not answer: {reason}",
       "See HTTPS_PROXY (and the kubeconfig's proxy-url); NO_PROXY takes the cluster's address out of it."},
      {{"getting credentials: exec"},
       "the credential plugin of context {context} failed: {reason}",
       "Log in with your provider's own tool, then check that `kubectl --context {context} get namespaces` works."},
      {{"Please enter Username"},
       "the kubeconfig{kubeconfig} has no credentials for context {context}",
       "Add them (`kubectl config set-credentials`) or choose another context with --context."},
      {{"context was not found for specified context", "cluster unreachable: context \""},
       "there is no context {context} in the kubeconfig{kubeconfig}",
       "`kubectl config get-contexts` lists them; choose one with --context."},
      {{"error loading config file", "invalid configuration", "unable to read client-", "unable to read certificate-",
        "Missing or incomplete configuration info", ": stat "},
       "the kubeconfig{kubeconfig} cannot be used: {reason}",
       "Name another file with --kubeconfig. For k3s: copy /etc/rancher/k3s/k3s.yaml and make it readable for you."},
      {{"x509:", "tls: failed to verify certificate", "tls: "},
       "no trusted connection to the cluster of context {context}: {reason}",
       "The certificate is not the one that the kubeconfig expects: fetch the cluster's kubeconfig again (k3s makes a "
       "new one when "
       "it is installed again), or correct the server's name in it."},
      {{"You must be logged in to the server", "Unauthorized",
        "the server has asked for the client to provide credentials"},
       "the cluster of context {context} refuses the login: {reason}",
       "The kubeconfig's token or certificate is wrong or expired: log in again, or fetch the cluster's kubeconfig "
       "again."},
      {{"server gave HTTP response to HTTPS client", "invalid character '", "unable to parse the server version",
        "the server rejected our request for an unknown reason"},
       "what answers at the server of context {context} is not a Kubernetes API: {reason}",
       "See the server's address: kubectl config view --context {context}"},
      {{"no such host", "server misbehaving", "Temporary failure in name resolution"},
       "the server of context {context} has a name that cannot be resolved: {reason}",
       "See the server's address (kubectl config view), DNS and VPN; --context chooses another cluster."},
      {{"onnection refused", "was refused - did you specify the right host or port", "cluster unreachable",
        "no route to host", "network is unreachable", "host is down", "i/o timeout", "Client.Timeout exceeded",
        "TLS handshake timeout", "context deadline exceeded", "connection reset by peer", "unexpected EOF",
        "http2: client connection lost"},
       "the cluster of context {context} does not answer: {reason}",
       "Is it running, and is the way to it open (VPN, firewall)? For k3s: systemctl status k3s. --context chooses "
       "another cluster.",
       true},
  };
  return rules;
}

/// A proxy's address without user and password.
std::string without_login(const std::string& proxy) {
  const std::size_t at = proxy.rfind('@');
  if (at == std::string::npos) return printable(proxy);
  const std::size_t scheme = proxy.find("://");
  return printable((scheme == std::string::npos ? "" : proxy.substr(0, scheme + 3)) + proxy.substr(at + 1));
}

std::string filled(std::string_view text, const Failure& failure) {
  const std::string context = failure.context.empty() ? "(none)" : shell_quote(failure.context);
  const std::string kubeconfig = failure.kubeconfig.empty() ? "" : " " + failure.kubeconfig;
  return fmt::format(fmt::runtime(text), fmt::arg("context", context), fmt::arg("kubeconfig", kubeconfig),
                     fmt::arg("namespace", failure.name_space), fmt::arg("reason", failure.reason));
}

/// `… is forbidden: User "x" cannot list resource …`: RBAC. Quotas and admission say "forbidden" too, without a user.
std::optional<Error> refused_right(const Failure& failure) {
  const auto user = failure.reason.find("User \"");
  const bool not_even_the_kinds = has(failure.reason, "(Forbidden): unknown");
  if (not_even_the_kinds) {
    return Error(
        ExitCode::preflight,
        filled("this account may not even ask the cluster of context {context} what it has (Forbidden)", failure),
        "The kubeconfig's credentials are missing or wrong, so that the cluster takes us for nobody: log in again.");
  }
  if (user == std::string::npos || !has(failure.reason, "forbidden") || !has(failure.reason, " cannot "))
    return std::nullopt;
  Failure right = failure;
  right.reason = failure.reason.substr(user);
  return Error(
      ExitCode::preflight, filled("not allowed on the cluster of context {context}: {reason}", right),
      filled(
          "Ask the cluster's administrator for the right, or use another account's kubeconfig. What this one may do: "
          "kubectl --context {context} -n {namespace} auth can-i --list",
          right));
}

bool changes_nothing(const std::string& verb) {
  static constexpr std::array<std::string_view, 7> readers = {"get",  "version", "config",  "logs",
                                                              "list", "show",    "template"};
  return std::find(readers.begin(), readers.end(), verb) != readers.end();
}

}  // namespace

const std::vector<std::pair<std::string, std::string>>& short_child_environment() {
  static const std::vector<std::pair<std::string, std::string>> environment = {{"GOGC", "off"},
                                                                               {"GOMEMLIMIT", "256MiB"}};
  return environment;
}

const std::vector<std::pair<std::string, std::string>>& long_child_environment() {
  static const std::vector<std::pair<std::string, std::string>> environment = {{"GOGC", "off"},
                                                                               {"GOMEMLIMIT", "64MiB"}};
  return environment;
}

std::string subcommand(const Command& command) {
  for (std::size_t i = 1; i < command.argv.size(); ++i) {
    const std::string& word = command.argv[i];
    if (!word.starts_with('-')) return word;
    if (!has(word, "=")) ++i;  // every global flag that we give takes a value
  }
  return {};
}

std::string flag_value(const Command& command, std::string_view name) {
  const auto found = std::find(command.argv.begin(), command.argv.end(), name);
  return found == command.argv.end() || found + 1 == command.argv.end() ? std::string() : *(found + 1);
}

std::string failure_reason(const Output& output) {
  std::vector<std::string> lines;
  std::string last_log_line;
  for (const std::string& raw : split(output.err, '\n')) {
    std::string line = printable(trim(raw));
    if (line.starts_with("- ") || line.starts_with("* ")) line.erase(0, 2);
    if (line.empty()) continue;
    if (is_log_line(line)) {
      last_log_line = line;
    } else {
      lines.push_back(line);
    }
  }
  if (lines.empty()) return last_log_line;
  std::string reason(without_prefixes(lines.front()));
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::string_view next = without_prefixes(lines[i]);
    if (next.empty() || has(reason, next)) continue;
    reason += reason.empty() || reason.ends_with(':') ? " " : "; ";
    reason += next;
  }
  if (reason.size() > longest_reason) reason = printable(reason.substr(0, longest_reason)) + " …";
  return std::string(trim(reason));
}

std::optional<Error> cluster_error(const Failure& failure) {
  if (std::optional<Error> refused = refused_right(failure)) return refused;
  if (passing_failure(Output{1, {}, failure.reason, false, failure.failures})) {
    return Error(ExitCode::preflight,
                 filled("the cluster of context {context} cannot serve this now: {reason}", failure),
                 "Asking again for half a minute did not help. See how the API server and its etcd are: kubectl get "
                 "--raw '/readyz?verbose'");
  }
  // a server that answered is there, whatever words its answer has in it (a webhook's, say)
  const auto answered = [](const ApiFailure& one) { return one.code != 0 && one.code != unauthorized; };
  if (std::any_of(failure.failures.begin(), failure.failures.end(), answered)) return std::nullopt;
  const std::string text = ": " + failure.reason;  // so that a sign can say "at its beginning"
  for (const Rule& rule : cluster_rules()) {
    const bool fits =
        std::any_of(rule.signs.begin(), rule.signs.end(), [&](std::string_view sign) { return has(text, sign); });
    if (!fits) continue;
    Error error(ExitCode::preflight, filled(rule.message, failure), filled(rule.hint, failure));
    if (!failure.proxy.empty() && rule.unreachable)
      error.with_hint(
          fmt::format("HTTPS_PROXY is set: is the proxy {} running? NO_PROXY takes the cluster's address out "
                      "of it.\n{}",
                      without_login(failure.proxy), error.hint()));
    return error;
  }
  return std::nullopt;
}

Error general_error(const Command& command, const Output& output, const Failure& failure) {
  const std::string program = command.argv.empty() ? std::string() : command.argv.front();
  const std::string what = program.substr(program.rfind('/') + 1) + " " + subcommand(command);
  if (output.timed_out && changes_nothing(subcommand(command))) {
    return Error(ExitCode::preflight,
                 filled("the cluster of context {context} did not answer in time", failure) + " (" + what + ")",
                 "Is it running, and is the way to it open (VPN, firewall)? --context chooses another cluster.");
  }
  if (output.timed_out) return Error(ExitCode::failure, what + " did not end in time", "--timeout gives it longer.");
  if (!failure.reason.empty()) return Error(ExitCode::failure, what + ": " + failure.reason);
  return Error(ExitCode::failure, fmt::format("{} failed without a message (status {})", what, output.status));
}

}  // namespace raibid
