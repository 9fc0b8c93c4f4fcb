#include "components/redis/place/external/external_server.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/external/steady_connection.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

constexpr Duration shortest_look = std::chrono::milliseconds(200);
constexpr Duration between_looks = std::chrono::milliseconds(250);

bool says(const RedisReply& reply, std::string_view part) {
  return to_lower(reply.text).find(part) != std::string::npos;
}

/// What a Redis says that is there, and will be well again or that forbids PING alone.
bool is_passing(const RedisReply& reply) {
  static const std::array<std::string, 4> codes = {"MISCONF", "BUSY", "MASTERDOWN", "NOPERM"};
  return std::find(codes.begin(), codes.end(), reply.error_code()) != codes.end();
}

}  // namespace

ExternalServer::ExternalServer(Context& context, ExternalTarget target)
    : m_context(context), m_target(std::move(target)) {}

void ExternalServer::reach() {
  if (!m_target.service || m_way) return;
  m_way = std::make_unique<ServiceWay>(m_context, *m_target.service);
  m_target.service->kube_context = m_way->kube_context();
  m_target.address.port = m_way->service_port();
  take_tls_of_service();
  const bool given = m_context.settings.all().contains("password-file") && m_context.settings.is_set("password-file");
  if (given) return;
  // the cluster's own, not the saved one: it may have been changed there
  if (const auto password = m_way->password()) m_target.address.password = *password;
}

/// The cluster's own, as the password; what was named for this run stands above it.
void ExternalServer::take_tls_of_service() {
  const auto named = [&](const char* option) {
    return m_context.settings.all().contains(option) && m_context.settings.is_set(option);
  };
  const std::optional<TlsClient> found = m_way->tls(m_target.tls_ca.empty());
  if (!found) return;
  m_target.address.tls = true;
  if (!named("tls-ca") && !found->ca.empty()) m_target.tls_ca = found->ca;
  m_tls = tls_of(m_context, m_target);
  if (!m_tls->certificate.empty()) return;
  m_tls->certificate = found->certificate;
  m_tls->key = found->key;
}

PortForward* ExternalServer::tunnel(int local_port) {
  reach();
  if (!m_way) return nullptr;
  m_way->prepare(local_port);
  return &m_way->tunnel();
}

RedisEndpoint ExternalServer::endpoint() {
  reach();
  const RedisAddress& address = m_target.address;
  if (address.tls && !m_tls) m_tls = tls_of(m_context, m_target);
  if (m_way)
    return {"127.0.0.1",      m_way->local_port(question_deadline(m_context)),
            address.username, address.password,
            address.database, m_tls};
  return {address.host, address.port, address.username, address.password, address.database, m_tls};
}

/// What can be done about it where the certificates are someone else's.
std::string ExternalServer::advice(const TlsError& error) const {
  switch (error.problem()) {
    case TlsProblem::unknown_ca:
      return m_target.tls_ca.empty()
                 ? "if a CA of your own signed it, or the service has one to download, name it by --tls-ca FILE"
                 : "name by --tls-ca FILE the CA that signed it; another one was given or saved";
    case TlsProblem::wrong_name:
      return m_target.service ? "its certificate has to name the Service, as applications do"
                              : "use one of these names in --url";
    case TlsProblem::needs_certificate:
      return "name one by --tls-cert FILE and its key by --tls-key FILE";
    case TlsProblem::refuses_certificate:
      return "name another one by --tls-cert FILE and its key by --tls-key FILE";
    case TlsProblem::not_tls:
      if (m_target.service) return "leave --tls-ca out";
      return "write redis:// instead of rediss://, or name the port that speaks TLS";
    case TlsProblem::is_tls:
      return m_target.service ? "its pods do not say where its CA is; name the CA's certificate by --tls-ca FILE"
                              : "write rediss:// instead of redis://";
    default:
      return error.hint();
  }
}

std::string ExternalServer::hint_of(const std::string& prose) const { return prose + ": " + scope().command("doctor"); }

Scope ExternalServer::scope() const {
  if (m_context.settings.text("target") == "external") return m_context.scope();
  const Scope found = m_context.scope().found("external", m_target.name_space, m_target.release, "");
  return m_target.service ? found.adopting(m_target.service->name.text(), m_target.service->kube_context)
                          : found.at(m_target.address.url());
}

Error ExternalServer::refused(const RedisReply& reply, const std::vector<std::string>& question) const {
  const std::string where = m_target.subject();
  const std::string user = m_target.address.username.empty() ? "" : " of user " + printable(m_target.address.username);
  const std::string code = reply.error_code();
  // AUTH may be answered with its own words: they are not repeated
  const std::string words = question.front() == "AUTH" ? code : printable(reply.text);
  if (code == "NOAUTH" || (question.front() == "AUTH" && m_target.address.password.empty())) {
    return Error(
        ExitCode::failure, fmt::format("{} asks for a password, and none was given", where),
        m_target.service
            ? "its pods name no Secret with it: name one by --existing-secret NAME/KEY, or a file by --password-file"
            : "name a file with it by --password-file, or give it by the variable REDIS_URL; on a terminal you are "
              "asked");
  }
  if (code == "WRONGPASS" || says(reply, "invalid password") || says(reply, "invalid username-password")) {
    return Error(
        ExitCode::failure, fmt::format("{} refuses the password{}", where, user),
        fmt::format("it is not the password of this Redis, or the user {} is not there; the password is from {}",
                    m_target.address.username.empty() ? "default" : printable(m_target.address.username),
                    m_context.settings.all().contains("password-file") && m_context.settings.is_set("password-file")
                        ? "--password-file"
                    : m_way && !m_way->password_source().empty() ? m_way->password_source()
                    : m_target.origin == "REDIS_URL"             ? "REDIS_URL"
                    : m_target.saved ? m_context.paths.shown(m_target.saved->path) + ": setup saves another one"
                                     : "your answer"));
  }
  if (says(reply, "without any password configured") || says(reply, "but no password is set")) {
    const bool saved = !m_context.settings.is_set("password-file") && m_target.origin != "REDIS_URL" && m_target.saved;
    return Error(
        ExitCode::failure, where + " has no password set, and one was given",
        saved ? fmt::format("the password is from {}; to forget that file: {}",
                            m_context.paths.shown(m_target.saved->path), m_context.scope().command("teardown redis"))
              : "leave --password-file out, and the password out of REDIS_URL");
  }
  if (question.front() == "SELECT") {
    return Error(ExitCode::failure,
                 fmt::format("{} does not let us use database {}: {}", where, m_target.address.database, words),
                 "remove the number after the host from the URL");
  }
  if (code == "DENIED") {
    return Error(ExitCode::failure, where + " runs in protected mode and refuses this connection (DENIED)",
                 "give that Redis a password, or connect from its own machine");
  }
  return Error(ExitCode::failure, fmt::format("{} refuses the connection: {}", where, words));
}

bool ExternalServer::ask_for_password() {
  const std::string user = m_target.address.username.empty() ? "" : printable(m_target.address.username) + " of ";
  const std::optional<Secret> typed =
      m_context.reporter.ask_secret(fmt::format("Password of {}{}:", user, m_target.subject()));
  m_context.signals.check();  // Ctrl-C at the question is no answer
  if (!typed || typed->empty()) return false;
  m_target.address.password = *typed;
  return true;
}

Answer ExternalServer::log_in(std::unique_ptr<RedisConnection> redis, bool may_ask, Duration timeout) {
  std::vector<std::vector<std::string>> questions = login_commands(endpoint());
  questions.push_back({"PING"});
  const std::vector<RedisReply> replies = redis->pipeline(questions);
  for (std::size_t at = 0; at < replies.size(); ++at) {
    const RedisReply& reply = replies[at];
    if (!reply.is_error() || is_passing(reply)) continue;
    if (reply.error_code() == "LOADING") return {nullptr, "Redis is loading its data"};
    const bool asks =
        reply.error_code() == "NOAUTH" || (questions[at].front() == "AUTH" && m_target.address.password.empty());
    if (asks && may_ask && m_target.address.password.empty() && ask_for_password()) {
      return log_in(m_context.redis.connect(endpoint(), timeout), false, timeout);
    }
    throw refused(reply, questions[at]);
  }
  return {std::move(redis), ""};
}

Answer ExternalServer::look(Duration timeout) {
  std::unique_ptr<RedisConnection> redis;
  try {
    redis = m_context.redis.connect(endpoint(), timeout);
  } catch (TlsError& error) {
    error.with_hint(advice(error));
    throw;
  } catch (Error& error) {
    if (error.code() == ExitCode::usage) throw;
    if (m_target.service && !error.hint().empty()) throw;  // what the cluster says
    error.with_hint(
        hint_of("check whether the address is right and a firewall lets this machine in; many managed services can be "
                "reached inside their own network only. To look again"));
    throw;
  }
  try {
    return log_in(std::move(redis), true, timeout);
  } catch (TlsError& error) {
    error.with_hint(advice(error));
    throw;
  } catch (Error& error) {
    if (error.hint().empty())
      error.with_hint(hint_of(
          "check whether this is a Redis, and whether it is overloaded or at its limit of clients. To look again"));
    throw;
  }
}

std::unique_ptr<RedisConnection> ExternalServer::open(Duration timeout) {
  Answer answer = look(timeout);
  if (!answer.connection)
    throw Error(ExitCode::failure, fmt::format("{}: {}", m_target.subject(), answer.waiting_for),
                "try again when it has done that");
  return std::move(answer.connection);
}

std::unique_ptr<RedisConnection> ExternalServer::connect(TimePoint deadline) {
  const auto left = std::chrono::duration_cast<Duration>(deadline - m_context.runner.now());
  const Duration timeout = std::clamp(left, shortest_look, reply_limit);
  return std::make_unique<SteadyConnection>(m_context.clock, open(timeout), [this] { return open(reply_limit); });
}

std::unique_ptr<RedisConnection> ExternalServer::connect_patiently(
    TimePoint deadline, const std::function<void(const std::string&)>& progress) {
  for (;;) {
    Answer answer = look(reply_limit);
    if (answer.connection) {
      return std::make_unique<SteadyConnection>(m_context.clock, std::move(answer.connection),
                                                [this] { return open(reply_limit); });
    }
    if (m_context.runner.now() >= deadline) {
      throw Error(ExitCode::failure, fmt::format("no PONG from {} in time: {}", m_target.subject(), answer.waiting_for),
                  "give it longer with --timeout");
    }
    progress(answer.waiting_for);
    m_context.runner.wait({}, std::min(deadline, m_context.runner.now() + between_looks));
  }
}

}  // namespace raibid
