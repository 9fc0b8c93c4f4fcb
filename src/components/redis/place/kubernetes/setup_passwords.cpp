#include "components/redis/place/kubernetes/setup_passwords.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/redis/place/kubernetes/deletions.hpp"
#include "components/redis/place/kubernetes/store_secret.hpp"
#include "components/redis/run/credentials_run.hpp"
#include "components/redis/server/password.hpp"
#include "components/redis/server/secret_problem.hpp"
#include "components/redis/settings/spec.hpp"

namespace raibid {

namespace {

/// What someone has changed in our Secret, in words; "" for nothing.
std::string changed_by_hand(const Observed& observed, const RedisSettings& settings) {
  const bool ours = observed.secret && observed.secret->ours && observed.secret->complete;
  return ours && settings.chart.kind == ChartChoice::Kind::embedded ? secret_problem(observed.secret->content) : "";
}

Secret stored_password(const Observed& observed) { return observed.secret ? observed.secret->password : Secret(); }

/// Redis keeps the password that it read at its start: with another one in a new Secret nobody would get in.
void refuse_new_password(const Observed& observed, const RedisSettings& settings, const RedisNames& names,
                         const Kubectl& kubectl) {
  if (!observed.workload || !observed.redis_runs() || !parse_spec(observed.workload->spec).auth) return;
  throw Error(ExitCode::preflight,
              fmt::format("Redis runs with a password that is not known here: Secret {} {}, and no credentials file "
                          "of this user has it",
                          names.full, observed.secret ? "has no redis-password" : "is gone"),
              "if you know it, put it back without a restart: --password-file FILE\n"
              "else restart Redis with a new one, which keeps the data: " +
                  scope_of(kubectl, settings.release).command("teardown redis") + "; then run this command again");
}

/// For a Secret that was changed by hand: the password of it that Redis knows, from --password-file or this user's
/// credentials file. Throws Error (preflight) when nobody has one.
Secret known_password(Context& context, const Observed& observed, const RedisSettings& settings,
                      const RedisNames& names, const Kubectl& kubectl, const std::string& problem) {
  std::vector<Secret> candidates;
  if (!settings.password_file.empty())
    candidates.push_back(read_password_file(settings.password_file, context.deadline));
  if (settings.existing_secret) candidates.push_back(read_existing_secret(context, kubectl, *settings.existing_secret));
  if (const auto credentials =
          find_credentials(context.paths, "kubernetes", observed.cluster_uid, settings.name_space, settings.release))
    candidates.push_back(credentials->password);
  for (const Secret& candidate : candidates) {
    SecretContent content = observed.secret->content;
    content[password_key] = candidate;
    content.erase(admin_password_key);
    if (!candidate.empty() && secret_problem(content).empty()) return candidate;
  }
  throw Error(ExitCode::preflight,
              fmt::format("Secret {} was changed by hand: {}, and no credentials file of this user has one that is",
                          names.full, problem),
              "if you know the one that Redis has: --password-file FILE\n"
              "else make a new one, which restarts Redis and keeps the data: " +
                  scope_of(kubectl, settings.release).command("teardown redis") + "; then run this command again");
}

/// The password that the application logs in with, and one that it is to have beside it.
std::pair<Secret, Secret> choose_password(Context& context, const Observed& observed, const RedisSettings& settings,
                                          const RedisNames& names, const Kubectl& kubectl) {
  if (!settings.auth) return {};
  Secret present = stored_password(observed);
  if (const std::string problem = changed_by_hand(observed, settings); problem.starts_with("redis-password"))
    return {known_password(context, observed, settings, names, kubectl, problem), Secret()};
  if (present.empty()) {
    if (const auto credentials = find_credentials(context.paths, "kubernetes", observed.cluster_uid,
                                                  settings.name_space, settings.release)) {
      present = credentials->password;
    }
  }
  const bool given = !settings.password_file.empty() || settings.existing_secret;
  if (!given && present.empty()) refuse_new_password(observed, settings, names, kubectl);
  if (!given) return {present.empty() ? generate_password(context.random) : present, Secret()};
  const Secret wanted = settings.existing_secret ? read_existing_secret(context, kubectl, *settings.existing_secret)
                                                 : read_password_file(settings.password_file, context.deadline);
  if (present.empty() || present == wanted) return {wanted, {}};
  if (settings.existing_secret && !observed.secret && !observed.redis_runs()) return {wanted, {}};
  // beside the present one: clients go on with that until they have the new one
  const bool is_there = observed.workload && observed.secret && observed.secret->ours && observed.secret->complete;
  if (is_there && settings.chart.kind == ChartChoice::Kind::embedded) {
    refuse_third_password(context, observed.secret->content);
    return {present, wanted};
  }
  if (settings.existing_secret) {
    throw Error(ExitCode::preflight,
                fmt::format("release {} has another password than Secret {}, and cannot be given a second one",
                            settings.release, settings.existing_secret->text()),
                "store the present one there, or tear the release down first: " +
                    scope_of(kubectl, settings.release).command("teardown redis"));
  }
  throw Error(
      ExitCode::usage,
      fmt::format("release {} has another password than --password-file {}", settings.release, settings.password_file),
      "clients use the current one: leave --password-file out to keep it, or tear the release down first");
}

/// Of `admin`, who is there when the application has a user of its own.
Secret choose_admin_password(Context& context, const Observed& observed, const RedisSettings& settings) {
  if (settings.user.name.empty()) return {};
  Secret present = observed.secret ? value_of(observed.secret->content, admin_password_key) : Secret();
  if (present.empty()) {
    if (const auto credentials =
            find_credentials(context.paths, "kubernetes", observed.cluster_uid, settings.name_space, settings.release))
      present = credentials->admin_password;
  }
  return present.empty() ? generate_password(context.random) : present;
}

}  // namespace

Passwords choose_passwords(Context& context, const Observed& observed, const RedisSettings& settings,
                           const RedisNames& names, const Kubectl& kubectl) {
  auto [application, next] = choose_password(context, observed, settings, names, kubectl);
  Passwords passwords;
  passwords.application = std::move(application);
  passwords.admin = choose_admin_password(context, observed, settings);
  passwords.next = std::move(next);
  return passwords;
}

}  // namespace raibid
