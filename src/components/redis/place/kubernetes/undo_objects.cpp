// Undos of single objects: the namespace, Secrets, certificates, claims.
#include "components/redis/place/kubernetes/undoing.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/deletion.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/lease.hpp"
#include "components/kubernetes/namespace_contents.hpp"
#include "components/redis/place/kubernetes/deletions.hpp"
#include "components/redis/place/kubernetes/observed.hpp"
#include "tools/failures.hpp"

namespace raibid {

using nlohmann::json;

void Undoing::remove_namespace(const Arguments& arguments) {
  const std::string& name = m_kubectl.name_space();
  const std::optional<Found> found = find("namespace", name);
  if (!found) return;
  const std::string& run = arguments.at(run_argument);
  refuse_other_run(*found, run, "namespace " + name);
  const bool recovery = run != m_scope.run;
  if (recovery) keep_left_data(arguments.at("release"));
  std::vector<std::string> contents =
      namespace_contents(m_kubectl, lease_object(arguments.at("release")), m_deadline());
  // the Secret was made with it, before its own undo could be written down
  const std::string& secret = arguments.at("secret");
  if (const std::optional<Found> made = find("secret", secret); made && made->run == run)
    std::erase(contents, "secret/" + secret);
  if (!contents.empty()) {
    const std::string what =
        fmt::format("namespace {} holds what this run did not make: {}", name, join(contents, ", "));
    if (recovery) throw Kept(what);
    throw Error(ExitCode::failure, what);
  }
  // by name: it was just looked at, and what keeps a namespace is the controller's to say
  remove_namespace_and_check(m_context, m_kubectl, m_deadline());
}

void Undoing::remove_secret(const Arguments& arguments) {
  const std::string& name = arguments.at("name");
  const std::optional<Found> found = find("secret", name);
  if (!found) return;
  const std::string& run = arguments.at(run_argument);
  refuse_other_run(*found, run, "Secret " + name);
  if (run != m_scope.run) {
    keep_left_data(m_release);
    if (find(claim_kind, m_names.claim))
      throw Kept(fmt::format("Secret {} is kept: claim {} is still there", name, m_names.claim));
  }
  refuse_while_needed(arguments);
  remove("secret", name, found->uid);
}

void Undoing::remove_certificate(const Arguments& arguments) {
  const std::string& kind = arguments.at("kind");
  const std::string& name = arguments.at("name");
  const std::optional<Found> found = find(kind, name);
  if (!found) return;
  refuse_other_run(*found, arguments.at(run_argument), kind + " " + name);
  const std::string user = name == m_names.certificate ? user_of_secret(name) : "";
  if (!user.empty() && arguments.at(run_argument) != m_scope.run)
    throw Kept(fmt::format("{} {} is kept: {} uses it", kind, name, user));
  if (!user.empty())
    throw Error(ExitCode::failure, fmt::format("{} {} stays: {} is still there and needs it", kind, name, user));
  const std::optional<Found> certificate = find("secret", m_names.certificate);
  if (name != m_names.certificate && certificate && certificate->run == found->run)
    throw Kept(fmt::format("{} {} is kept with Secret {}", kind, name, m_names.certificate));
  remove(kind, name, found->uid);
}

void Undoing::remove_claim(const Arguments& arguments) {
  const std::string& name = arguments.at("name");
  if (arguments.at(run_argument) != m_scope.run) keep_left_data(m_release);
  const std::optional<Found> found = find(claim_kind, name);
  if (!found) return;
  if (const std::vector<Record> records = records_of(m_release); !records.empty()) {
    if (is_of_run(records, arguments.at(run_argument))) {
      throw Error(ExitCode::failure, fmt::format("claim {} is in use: release {} is still there", name, m_release));
    }
    throw Kept(used_since(m_release));
  }
  const auto uid = m_claim_uids.find(name);
  if (uid == m_claim_uids.end() || found->uid != uid->second) {
    throw Kept(fmt::format("claim {} is kept: nothing shows that that run made it; to remove it: {}", name,
                           m_kubectl.for_people({"delete", claim_kind, name})));
  }
  refuse_while_needed(arguments);
  remove(claim_kind, name, found->uid);
}

void Undoing::remove_backup_claim(const Arguments& arguments) {
  const std::string& name = arguments.at("name");
  const std::optional<Found> found = find(claim_kind, name);
  if (!found) return;
  const std::string& run = arguments.at(run_argument);
  refuse_other_run(*found, run, "claim " + name);
  if (run != m_scope.run || find("cronjob", m_names.backup)) {
    throw Kept(fmt::format("claim {} is kept: there may be a backup in it; to remove it: {}", name,
                           m_kubectl.for_people({"delete", claim_kind, name})));
  }
  remove(claim_kind, name, found->uid);
}

void Undoing::disown(const Arguments& arguments) {
  const std::string& name = arguments.at("name");
  const std::optional<Found> found = find("secret", name);
  if (!found) return;
  refuse_other_run(*found, arguments.at(run_argument), "Secret " + name);
  if (arguments.at(run_argument) != m_scope.run && !records_of(m_release).empty()) throw Kept(used_since(m_release));
  // server-side apply of nothing: the fields that only we own go, everybody else's stay
  const json nothing = {{"apiVersion", "v1"}, {"kind", "Secret"}, {"metadata", {{"name", name}}}};
  m_kubectl.run_checked(m_kubectl.apply(nothing), m_deadline());
}

void Undoing::refuse_other_run(const Found& found, const std::string& run, const std::string& what) {
  if (found.run != run) throw Kept(what + " is kept: the interrupted run did not make it");
}

void Undoing::keep_left_data(const std::string& release) const {
  if (m_scope.left_data == UndoScope::LeftData::leave) throw Kept("");
  if (!records_of(release).empty()) throw Kept(used_since(release));
  if (m_scope.left_data == UndoScope::LeftData::keep) {
    throw Kept(
        "what the interrupted run made for data is kept and used (namespace, Secret, claim); setup redis "
        "--discard-data removes it");
  }
}

void Undoing::refuse_while_needed(const Arguments& arguments) const {
  const auto workload = arguments.find(needed_by_argument);
  if (workload == arguments.end() || look_for(m_context, m_kubectl, {workload->second}, m_deadline()).empty()) return;
  throw Error(ExitCode::failure,
              fmt::format("{} stays: {} is still there and needs it", arguments.at("name"), workload->second));
}

std::string Undoing::user_of_secret(const std::string& secret) const {
  const std::optional<Found> set = find("statefulset", m_names.workload);
  if (!set) return "";
  for (const json& volume : items_at(*set->object, {"spec", "template", "spec", "volumes"})) {
    if (text_at(volume, {"secret", "secretName"}) == secret) return "statefulset/" + m_names.workload;
  }
  return "";
}

std::optional<Undoing::Found> Undoing::find(const std::string& kind, const std::string& name) const {
  const Command question = m_kubectl.get({kind + "/" + name});
  const json items = Kubectl::parse_items(question, m_kubectl.run(question, m_deadline()));
  if (items.empty()) return std::nullopt;
  const json& object = items.front();
  return Found{text_at(object, {"metadata", "uid"}), text_at(object, {"metadata", "annotations", run_label}),
               std::make_shared<const json>(object)};
}

std::string Undoing::path_of(const std::string& kind, const std::string& name) const {
  if (kind == "namespace") return "/api/v1/namespaces/" + name;
  return fmt::format("/api/v1/namespaces/{}/{}s/{}", m_kubectl.name_space(), kind, name);
}

void Undoing::remove(const std::string& kind, const std::string& name, const std::string& uid) const {
  const TimePoint until = m_deadline();
  if (!begin_removal(kind, name, uid))
    throw Kept(fmt::format("{} {} is kept: someone has created it again", kind, name));
  if (is_gone_by(kind, name, uid, until)) return;
  throw Error(ExitCode::failure, fmt::format("{} {} was deleted and is still there", kind, name),
              "see what keeps it: " + m_kubectl.for_people({"get", kind, name, "-o", "yaml"}));
}

bool Undoing::was_gone(const Output& output) { return failed_with(output, "NotFound"); }

bool Undoing::is_another(const Output& output) { return failed_with(output, "Conflict"); }

bool Undoing::begin_removal(const std::string& kind, const std::string& name, const std::string& uid) const {
  const Command command = m_kubectl.remove_exactly(path_of(kind, name), uid);
  const Output output = m_kubectl.run(command, m_deadline());
  if (!output.ok() && is_another(output)) return false;
  if (!output.ok() && !was_gone(output)) throw Kubectl::explain(command, output);
  return true;
}

bool Undoing::is_gone_by(const std::string& kind, const std::string& name, const std::string& uid,
                         TimePoint until) const {
  for (;;) {
    const std::optional<Found> present = find(kind, name);
    if (!present || present->uid != uid) return true;
    if (m_context.runner.now() >= until) return false;
    m_context.runner.wait({}, std::min(until, m_context.runner.now() + undo_poll));
  }
}

}  // namespace raibid
