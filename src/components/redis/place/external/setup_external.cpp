#include "components/redis/place/external/setup_external.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/place/external/external_installer.hpp"
#include "components/redis/place/external/external_lock.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/run/restart.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/server/server_facts.hpp"
#include "components/redis/server/streams.hpp"
#include "components/redis/settings/record.hpp"
#include "components/redis/settings/spec.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

/// In cluster mode a queue's keys (<stream>, <stream>:dead, …) have to lie in one slot.
void refuse_without_hash_tags(const Context& context, const RedisSettings& settings) {
  for (const StreamSpec& stream : settings.streams) {
    if (has_hash_tag(stream.name)) continue;
    throw Error(ExitCode::preflight,
                fmt::format("this Redis is in cluster mode, and {} has no hash tag: the keys of its queue would lie in "
                            "different slots",
                            in_quotes(stream.name)),
                "give the stream a name with a hash tag: " +
                    context.scope().command("setup redis", "--stream " + shell_quote("{" + stream.name + "}")));
  }
}

/// An external Redis on its way to serve a queue: what the steps share.
class ExternalSetup {
 public:
  ExternalSetup(Context& context, const RedisSettings& settings, ExternalServer& server)
      : m_context(context), m_settings(settings), m_server(server) {}

  RedisConnection& connection() {
    if (!m_redis) {
      m_redis = m_server.connect_patiently(
          m_context.deadline, [this](const std::string& text) { m_context.reporter.step_progress("redis", text); });
    }
    return *m_redis;
  }

  /// Throws Error (preflight) for a server that cannot hold these streams.
  void check() {
    m_facts = read_server_facts(connection());
    if (m_facts.is_replica())
      throw Error(ExitCode::preflight, m_server.target().subject() + " is a replica: it takes no writes",
                  "use the address of its master");
    if (m_facts.cluster_mode) refuse_without_hash_tags(m_context, m_settings);
  }

  /// Asks what is there.
  void look() {
    m_missing = missing_groups(connection(), m_settings.streams);
    if (m_facts.policy.starts_with("allkeys-") && !m_settings.streams.empty())
      m_context.reporter.warning(
          fmt::format("eviction: maxmemory-policy is {}: when its memory is full, this Redis drops streams without a "
                      "word; better: noeviction, or a Redis of its own for the queue",
                      m_facts.policy));
    m_credentials = credentials();
  }

  Plan plan() {
    Plan steps = {redis_step()};
    if (!m_settings.streams.empty())
      steps.push_back(stream_step(m_settings, [this]() -> RedisConnection& { return connection(); }));
    steps.push_back(credentials_step(m_context, m_credentials, m_settings.preset));
    return steps;
  }

  const Credentials& written() const { return m_credentials; }

 private:
  Credentials credentials() const {
    const ExternalTarget& target = m_server.target();
    Credentials credentials;
    credentials.host = target.address.host;
    credentials.port = target.address.port;
    credentials.database = target.address.database;
    credentials.password = target.address.password;
    credentials.name_space = m_settings.name_space;
    if (!m_settings.streams.empty()) {
      credentials.stream = m_settings.streams.front().name;
      if (!m_settings.streams.front().groups.empty())
        credentials.consumer_group = m_settings.streams.front().groups.front();
    }
    credentials.context = target.service ? target.service->kube_context : target.address.text();
    credentials.cluster_uid = target.identity();
    if (target.service) credentials.service = target.service->name.text();
    credentials.release = m_settings.release;
    credentials.target = "external";
    const bool has_password = !credentials.password.empty();
    credentials.username = !target.address.username.empty() ? target.address.username : has_password ? "default" : "";
    credentials.tls = target.address.tls;
    credentials.ca_certificate = target.tls_ca;
    credentials.tls_certificate = target.tls_certificate;
    credentials.tls_key = target.tls_key;
    if (target.saved) credentials.made = target.saved->made;
    for (const auto& one : m_missing) {
      if (std::find(credentials.made.begin(), credentials.made.end(), one) == credentials.made.end())
        credentials.made.push_back(one);
    }
    credentials.record = to_json(spec_of(m_settings));
    credentials.path = credentials_path(m_context.paths, credentials, m_settings.preset);
    return credentials;
  }

  Step redis_step() {
    Step step;
    step.name = "redis";
    step.intent = "check that it answers PONG and can hold a queue";
    step.undo = [] { return std::vector<Undo>{}; };
    step.act = [this]() -> StepResult { return {Outcome::unchanged, "PONG · " + m_facts.text()}; };
    return step;
  }

  Context& m_context;
  const RedisSettings& m_settings;
  ExternalServer& m_server;
  std::unique_ptr<RedisConnection> m_redis;
  ServerFacts m_facts;
  std::vector<std::pair<std::string, std::string>> m_missing;
  Credentials m_credentials;
};

}  // namespace

SetupOutcome setup_redis_external(Context& context, const RedisSettings& given, const SetupRequest& request) {
  if (request.diff)
    throw Error(ExitCode::preflight,
                "--diff compares what setup writes where it runs a Redis; an external one runs elsewhere",
                "see what setup would do there: " + context.scope().command("setup redis", "--dry-run"));
  if (request.record) throw Error(ExitCode::usage, "an external Redis has no revisions of ours", "");
  RedisSettings settings = given;
  const Told told(context);
  ExternalServer server(context, find_external(context, given));
  const ExternalTarget& target = server.target();
  if (target.saved) {
    take_record_for_setup(context, parse_spec(target.saved->record), target.name_space);
    settings = redis_settings(context);
    settings.release = target.release;
  }
  server.reach();
  context.reporter.heading(fmt::format("{} (from {})", target.subject(), target.origin));
  ExternalSetup setup(context, settings, server);
  JournaledRun run(context, {"setup redis", target.subject(), external_journal_key(target)}, undo_limit);
  if (context.guard.dry_run()) {
    if (const auto left = run.left()) context.reporter.note(describe_left(*left));
    say_what_is_kept(context, told);
    setup.check();
    setup.look();
    const Plan would_do = setup.plan();
    return {SetupPlan{describe_plan(would_do),
                      {{"dry_run", true},
                       {"target", "external"},
                       {"address", target.address.text()},
                       {"steps", plan_data(would_do)},
                       {"restarts", nlohmann::ordered_json::array()}}},
            {},
            {},
            false};
  }
  const auto redis = [&setup]() -> RedisConnection& { return setup.connection(); };
  add_common_undos(run.undos(), context, redis);
  run.on_failure({}, settings.keep_on_failure);
  Plan plan;
  ExternalLock lock(context, settings.release, lock_holder(context, "setup redis", run.id()), redis);
  const bool interrupted = run.open();
  run.before([&] {
    try {
      setup.check();
      lock.acquire();
      run.also_hold([&lock](Before) { return lock.taken_over(); });
      if (interrupted) run.recover();
      say_what_is_kept(context, told);
      setup.look();
      plan = setup.plan();
    } catch (Error& error) {
      if (error.code() == ExitCode::failure) error.with_code(ExitCode::preflight);  // nothing is changed yet
      throw;
    }
  });
  const bool changed = run.execute(plan).changed;
  return {std::nullopt, std::nullopt, setup.written(), changed};
}

}  // namespace raibid
