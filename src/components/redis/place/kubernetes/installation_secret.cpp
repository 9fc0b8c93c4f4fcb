// The Secret of a release: password and users, and what of them setup writes.
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/place/kubernetes/installation.hpp"
#include "components/redis/place/kubernetes/store_secret.hpp"
#include "components/redis/place/kubernetes/undo.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/server/node_users.hpp"
#include "components/redis/server/rotation.hpp"
#include "components/redis/server/running_acl.hpp"
#include "components/redis/settings/stream_options.hpp"
#include "components/redis/settings/values.hpp"
#include "sys/random.hpp"

namespace raibid {

using nlohmann::ordered_json;

ordered_json Installation::secret_manifest() {
  ordered_json data = ordered_json::object();
  SecretContent content =
      secret_content(m_passwords.application, generate_password(m_context.random), trim_user(), application_user());
  if (settings.tls.from == TlsChoice::From::issuer)
    content = with_reload_user(std::move(content), generate_password(m_context.random));
  if (settings.backup.wanted()) content = with_backup_user(std::move(content), generate_password(m_context.random));
  if (settings.ha()) content = with_node_users(std::move(content), generate_password(m_context.random));
  for (const auto& [key, value] : content) data[key] = base64_encode(value.reveal());
  // a server that runs has read a Secret of before, which is gone
  if (observed.redis_runs()) m_acl = value_of(content, acl_key);
  const ordered_json labels = {{managed_by_label, managed_by_us}, {"app.kubernetes.io/instance", settings.release}};
  ordered_json metadata = {{"name", m_names.full}, {"namespace", settings.name_space}, {"labels", labels}};
  if (!m_run.empty()) metadata["annotations"] = {{run_label, m_run}};
  return {{"apiVersion", "v1"}, {"kind", "Secret"}, {"metadata", metadata}, {"type", "Opaque"}, {"data", data}};
}

bool Installation::has_its_secret() const {
  if (kept_by_store(settings, m_names)) return observed.secret.has_value();  // refuse_kept_secret has looked at it
  return observed.secret && observed.secret->ours && observed.secret->complete;
}

TrimUser Installation::trim_user() {
  TrimUser user;
  for (const StreamSpec& stream : trimmed_streams(settings)) user.streams.push_back(stream.name);
  if (user.streams.empty()) return user;
  const bool known = observed.secret && !observed.secret->trim.empty();
  user.password = known ? observed.secret->trim : generate_password(m_context.random);
  return user;
}

bool Installation::trim_user_is_missing() const {
  TrimUser user{observed.secret ? observed.secret->trim : Secret(), {}};
  for (const StreamSpec& stream : trimmed_streams(settings)) user.streams.push_back(stream.name);
  if (user.streams.empty()) return false;
  if (user.password.empty()) return true;
  // while a rotation is under way it has two passwords
  const Secret acl = value_of(with_one_internal_password(observed.secret->content, true), acl_key);
  return with_trim_user(acl, user) != acl;
}

bool Installation::backup_user_is_missing() const {
  if (!settings.backup.wanted()) return false;
  if (!observed.secret) return true;
  return lacks_backup_user(with_one_internal_password(observed.secret->content, true));
}

/// "trim", "backup": who is not yet in the Secret, or with other rights.
std::vector<std::string> Installation::missing_helpers() const {
  std::vector<std::string> missing;
  if (!settings.auth || !has_its_secret()) return missing;
  if (trim_user_is_missing()) missing.emplace_back("trim");
  if (backup_user_is_missing()) missing.emplace_back("backup");
  return missing;
}

/// Beside the others, whose passwords stay.
SecretContent Installation::with_missing_helpers(SecretContent content) {
  if (trim_user_is_missing()) {
    const TrimUser user = trim_user();
    content[acl_key] = with_trim_user(value_of(content, acl_key), user);
    content["trim-password"] = user.password;
  }
  if (backup_user_is_missing()) content = with_backup_user(std::move(content), generate_password(m_context.random));
  return content;
}

void Installation::store_password() {
  const ordered_json manifest = secret_manifest();
  // create, not apply, where there is none: one that someone makes at this moment is not overwritten; what is in a
  // namespace of our making is of a run that lost the race for it
  const bool apply = observed.secret || !observed.name_space;
  m_secret = std::make_unique<EarlyChild>(m_context.runner,
                                          apply ? session.kubectl.apply(manifest) : session.kubectl.create(manifest));
}

/// What our Secret has otherwise than the users that Redis knows: someone changed it.
SecretContent Installation::put_back_passwords() const {
  if (!has_its_secret() || value_of(observed.secret->content, password_key) == m_passwords.application) return {};
  return {{password_key, m_passwords.application}};
}

Step Installation::password_step() {
  const bool ours = has_its_secret();
  Step step;
  step.name = "password";
  const std::string source = settings.existing_secret && !kept_by_store(settings, m_names)
                                 ? fmt::format(", that of Secret {}", settings.existing_secret->text())
                                 : "";
  step.intent = (ours ? "reuse the one in Secret " + m_names.full : "put it into Secret " + m_names.full) + source;
  step.undo = [this, ours]() -> std::vector<Undo> {
    if (ours) return {};
    if (observed.secret) return {undo_adoption(session.kubectl, m_names.full)};
    // what ran before this run does not keep the Secret: it started with another one
    return {undo_secret(session.kubectl, m_names.full, observed.workload ? "" : "statefulset/" + m_names.workload)};
  };
  step.act = [this, ours, source]() -> StepResult {
    const std::string detail =
        fmt::format("{} characters, Secret {}{}", m_passwords.application.reveal().size(), m_names.full, source);
    if (m_secret_made) return {Outcome::changed, detail};
    if (!ours && !m_secret) store_password();
    const std::unique_ptr<Process> kubectl = ours ? nullptr : m_secret->act();
    if (observed.name_space) m_rollout.start();
    if (const SecretContent missing = missing_node_users(); !missing.empty()) {
      m_store.write(missing);
      return {Outcome::changed, detail + "; with users for the nodes"};
    }
    if (ours && !put_back_passwords().empty()) {
      m_store.write(put_back_passwords());
      return {Outcome::changed, detail + "; put back what was changed by hand"};
    }
    if (ours) return {Outcome::unchanged, detail};
    const Output output = finish(m_context.runner, *kubectl, m_context.deadline);
    if (output.ok()) return {Outcome::changed, detail};
    Error error = Kubectl::explain(m_secret->command(), output);
    if (Kubectl::already_exists(output)) error.made_nothing();
    throw error;
  };
  return step;
}

}  // namespace raibid
