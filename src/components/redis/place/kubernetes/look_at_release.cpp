#include "components/redis/place/kubernetes/look_at_release.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <span>
#include <tuple>

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/session.hpp"
#include "components/presets.hpp"
#include "components/redis/place/kubernetes/release_reader.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/values.hpp"
#include "tools/failures.hpp"

namespace raibid {

namespace {

using nlohmann::json;

/// Questions side by side: where there is no proxy, each is a kubectl.
constexpr std::size_t most_at_once = 8;

// Services of other namespaces are asked for one by one: kubectl's get has one namespace.
void look_at_distant_services(Context& context, const Kubectl& kubectl, const std::vector<std::string>& services,
                              Release& found) {
  std::vector<Command> questions;
  for (const std::string& service : services) {
    const std::size_t slash = service.find('/');
    if (slash == std::string::npos) continue;
    const Kubectl there(context.runner, kubectl.cluster(), service.substr(0, slash));
    questions.push_back(there.get({"service/" + service.substr(slash + 1)}));
  }
  if (questions.empty()) return;
  const std::vector<Output> answers = kubectl.ask(questions, context.deadline);
  for (std::size_t i = 0; i < questions.size(); ++i) {
    for (const json& item : Kubectl::parse_items(questions[i], answers[i])) take_object(found, item, kubectl);
  }
}

void look_at_missing_services(Context& context, const Kubectl& kubectl, Release& found) {
  std::vector<std::string> wanted;
  try {
    wanted = found.spec().services;
  } catch (const Error&) {
    return;  // who reads the spec says what is wrong with it
  }
  std::vector<std::string> missing;
  for (const std::string& service : wanted) {
    if (service.find('/') == std::string::npos && !found.service(service)) missing.push_back("service/" + service);
  }
  if (!missing.empty()) {
    const Command question = kubectl.get(missing);
    for (const json& item : Kubectl::parse_items(question, kubectl.ask(question, context.deadline))) {
      take_object(found, item, kubectl);
    }
  }
  look_at_distant_services(context, kubectl, wanted, found);
}

/// What the pod mounts for TLS.
void look_at_certificate(Context& context, const Kubectl& kubectl, Release& found) {
  const TlsChoice choice = found.tls_choice();
  if (!choice.enabled()) return;
  found.tls.given_name = choice.secret;
  std::vector<std::string> objects = {"secret/" + mounted_secret(choice, found.names())};
  if (choice.from == TlsChoice::From::own) objects.push_back("secret/" + found.names().authority);
  const Command question = kubectl.get(objects);
  for (const json& item : Kubectl::parse_items(question, kubectl.ask(question, context.deadline)))
    take_object(found, item, kubectl);
}

/// What its last runs came to.
void look_at_backups(Context& context, const Kubectl& kubectl, Release& found) {
  if (!found.backups) return;
  const Command question =
      kubectl.list("pods", "app.kubernetes.io/instance=" + found.id.name + ",app.kubernetes.io/component=backup");
  const Output answer = kubectl.ask(question, context.deadline);
  if (answer.ok()) take_backup_pods(*found.backups, Kubectl::parse_items(question, answer));
}

void look_at_nodes(Context& context, const Kubectl& kubectl, Release& found) {
  if (!found.ha()) return;
  const Command question = kubectl.get(objects_of_nodes(found.names(), found.nodes()));
  for (const json& item : Kubectl::parse_items(question, kubectl.ask(question, context.deadline)))
    take_object(found, item, kubectl);
}

std::vector<std::string> volumes_of(const Release& found) {
  std::vector<std::string> names;
  for (const Release::Claim& claim : found.claims) {
    if (!claim.volume.empty()) names.push_back("persistentvolume/" + claim.volume);
  }
  return names;
}

/// For what of a release is outside its namespace, which many a login may not see.
Command look_outside(const Kubectl& kubectl, const Release& found) {
  std::vector<std::string> names = volumes_of(found);
  names.insert(names.begin(), "namespace/" + found.id.name_space);
  return kubectl.get(names);
}

/// The same of all, some at once.
void look_outside_of_all(Context& context, const Kubectl& kubectl, std::vector<Release>& all) {
  for (std::size_t from = 0; from < all.size(); from += most_at_once) {
    const std::span<Release> some = std::span(all).subspan(from, std::min(most_at_once, all.size() - from));
    std::vector<Command> questions;
    for (const Release& one : some) questions.push_back(look_outside(kubectl, one));
    const std::vector<Output> answers = kubectl.ask(questions, context.deadline);
    for (std::size_t at = 0; at < some.size(); ++at) {
      if (!answers[at].ok()) continue;
      for (const json& object : Kubectl::parse_items(questions[at], answers[at]))
        take_object(some[at], object, kubectl);
    }
  }
}

/// What is outside the namespace; many a login may not see it.
void take_if_seen(Release& found, const Kubectl& kubectl, const Command& question, const Output& answer) {
  if (!answer.ok()) return;
  for (const json& object : Kubectl::parse_items(question, answer)) take_object(found, object, kubectl);
}

void look_at_volumes(Context& context, const Kubectl& kubectl, Release& found) {
  const std::vector<std::string> names = volumes_of(found);
  if (names.empty()) return;
  const Command question = kubectl.get(names);
  take_if_seen(found, kubectl, question, kubectl.ask(question, context.deadline));
}

/// What of the release has changed since Helm's records were written.
void compare_with_records(Context& context, const Kubectl& kubectl, Release& found, const json& records,
                          const Command& question, const Output& answer) {
  try {
    const json objects = Kubectl::parse_items(question, answer);
    for (const json& object : objects) {
      if (text_at(object, {"kind"}) == "CronJob") take_object(found, object, kubectl);  // with when it ran last
    }
    found.state = ReleaseState::pick(context, kubectl, found.id.name, records, objects);
  } catch (const Error& error) {
    found.state = ReleaseState::not_known(found.id, error.message(), records);
  }
}

bool is_forbidden(const Output& output) { return !output.ok() && was_refused(output); }

Release& release_of(std::vector<Release>& all, const std::string& name_space, const std::string& release) {
  const auto same = [&](const Release& one) { return one.id.name_space == name_space && one.id.name == release; };
  const auto found = std::find_if(all.begin(), all.end(), same);
  if (found != all.end()) return *found;
  all.push_back({.id = {release, name_space}});
  return all.back();
}

std::vector<Release> look_where_credentials_are(Context& context, const Kubectl& kubectl,
                                                const std::vector<Credentials>& credentials) {
  std::vector<Release> all;
  for (const Credentials& one : credentials) {
    const Kubectl there(context.runner, kubectl.cluster(), one.name_space);
    Release found = look_at_release(context, there, one.release, {});
    if (found.installed()) all.push_back(std::move(found));
  }
  return all;
}

bool names_files(const Spec& record) {
  const auto preset = record.chosen.find("preset");
  const bool is_file =
      preset != record.chosen.end() && !preset->second.values.empty() && is_preset_file(preset->second.values.front());
  return is_file || record.chosen.contains("values");
}

}  // namespace

std::string subject_of(const Kubectl& kubectl, const std::string& release) {
  return fmt::format("release {} in namespace {} of {}", release, kubectl.name_space(), kubectl.cluster().context);
}

std::vector<std::string> objects_of_nodes(const RedisNames& names, int nodes) {
  std::vector<std::string> objects;
  for (int node = 1; node < nodes; ++node) {
    objects.push_back("pod/" + names.pod_of(node));
    objects.push_back("persistentvolumeclaim/" + names.claim_of(node));
  }
  return objects;
}

std::optional<Command> look_at_followers(const Kubectl& kubectl, const Release& found) {
  if (!found.of_other_chart()) return std::nullopt;
  return kubectl.list("statefulsets,pods,persistentvolumeclaims",
                      found.names().selector + ",app.kubernetes.io/component=replica");
}

Release look_at_release(Context& context, const Kubectl& kubectl, const std::string& release,
                        const std::vector<std::string>& services) {
  Release found{.id = {release, kubectl.name_space()}};
  found.state.emplace(found.id);
  const RedisNames names = found.names();
  std::vector<std::string> wanted = {"secret/" + names.full, "statefulset/" + names.workload, "pod/" + names.pod,
                                     "persistentvolumeclaim/" + names.claim, "service/" + names.workload};
  for (const std::string& service : services) {
    if (service.find('/') == std::string::npos) wanted.push_back("service/" + service);
  }
  const std::vector<Command> questions = {kubectl.get(wanted), kubectl.all_records(release),
                                          kubectl.get({"namespace/" + found.id.name_space}),
                                          ReleaseState::list(kubectl, release)};
  const std::vector<Output> answers = kubectl.ask(questions, context.deadline);
  try {
    for (const json& item : Kubectl::parse_items(questions[0], answers[0])) take_object(found, item, kubectl);
    const json records = Kubectl::parse_items(questions[1], answers[1]);
    for (const json& record : records) take_record(found, at(record, {"metadata", "labels"}));
    look_at_missing_services(context, kubectl, found);
    if (!found.installed()) return found;
    look_at_nodes(context, kubectl, found);
    if (const auto question = look_at_followers(kubectl, found)) {
      for (const json& item : Kubectl::parse_items(*question, kubectl.ask(*question, context.deadline)))
        take_object(found, item, kubectl);
    }
    look_at_certificate(context, kubectl, found);
    take_if_seen(found, kubectl, questions[2], answers[2]);
    look_at_volumes(context, kubectl, found);
    if (found.record) compare_with_records(context, kubectl, found, records, questions[3], answers[3]);
    look_at_backups(context, kubectl, found);
  } catch (Error& error) {
    throw error.with_code(ExitCode::preflight);
  }
  return found;
}

std::vector<Release> look_at_all_releases(Context& context, const Kubectl& kubectl,
                                          const std::vector<Credentials>& credentials, std::vector<KeptClaim>& kept) {
  kept.clear();
  const std::string ours = std::string(managed_by_label) + "=" + managed_by_us;
  const std::vector<Command> questions = {
      kubectl.release_records_everywhere(ours),
      kubectl.list_everywhere(std::string(release_kinds) + ",persistentvolumeclaims", "app.kubernetes.io/name=redis"),
      kubectl.list_everywhere("secrets", ours, "type=Opaque"),  // without Helm's, which hold whole charts
      kubectl.deployed_records_everywhere(ours),
  };
  const std::vector<Output> answers = kubectl.ask(questions, context.deadline);
  if (std::any_of(answers.begin(), answers.end(), is_forbidden)) {
    return look_where_credentials_are(context, kubectl, credentials);
  }
  std::vector<Release> all;
  try {
    for (const json& record : Kubectl::parse_release_records(questions[0], answers[0])) {
      take_record(release_of(all, text_at(record, {"namespace"}), text_at(record, {"name"})), record);
    }
    const json objects = Kubectl::parse_items(questions[1], answers[1]);
    const json secrets = Kubectl::parse_items(questions[2], answers[2]);
    const json manifests = Kubectl::parse_items(questions[3], answers[3]);
    for (const json* const items : {&objects, &secrets}) {
      for (const json& item : *items) {
        const std::string release = text_at(item, {"metadata", "labels", "app.kubernetes.io/instance"});
        const std::string space = text_at(item, {"metadata", "namespace"});
        bool is_of_one = false;
        for (Release& one : all) {
          if (one.id.name != release || one.id.name_space != space) continue;
          take_object(one, item, Kubectl(context.runner, kubectl.cluster(), space));
          is_of_one = true;
        }
        // teardown writes the record at the claim that it keeps
        const bool is_kept = !is_of_one && text_at(item, {"kind"}) == "PersistentVolumeClaim" &&
                             !text_at(item, {"metadata", "annotations", spec_annotation}).empty();
        if (is_kept) kept.push_back({space, release, text_at(item, {"metadata", "name"})});
      }
    }
    look_outside_of_all(context, kubectl, all);
    for (Release& one : all) {
      const Kubectl there(context.runner, kubectl.cluster(), one.id.name_space);
      look_at_missing_services(context, there, one);
      look_at_certificate(context, there, one);
      look_at_backups(context, there, one);
      one.state = ReleaseState::pick(context, there, one.id.name, manifests, objects);
    }
  } catch (Error& error) {
    throw error.with_code(ExitCode::preflight);
  }
  std::sort(all.begin(), all.end(), [](const Release& left, const Release& right) {
    return std::tie(left.id.name_space, left.id.name) < std::tie(right.id.name_space, right.id.name);
  });
  return all;
}

Spec with_folders_of_this_machine(const Context& context, Spec record, const std::string& cluster,
                                  const ReleaseName& id) {
  if (!names_files(record)) return record;
  for (const Credentials& one : all_credentials(context.paths)) {
    const bool same = one.target == "kubernetes" && one.context == cluster && one.name_space == id.name_space &&
                      one.release == id.name;
    if (same) return with_folders(std::move(record), parse_spec(one.record));
  }
  return record;
}

InstalledRedis find_on_kubernetes(Context& context, const Kubectl& kubectl, const RedisSettings& settings) {
  Release found{.id = {settings.release, settings.name_space}};
  const RedisNames names = found.names();
  const Command question = kubectl.get({"secret/" + names.full, "statefulset/" + names.workload});
  const json items = Kubectl::parse_items(question, kubectl.ask(question, context.deadline));
  for (const json& item : items) take_object(found, item, kubectl);
  if (!found.workload) throw_not_installed(context, subject_of(kubectl, settings.release));
  look_at_certificate(context, kubectl, found);
  const std::string host = RedisNames(settings.release, settings.name_space, settings.cluster_domain).host;
  InstalledRedis installed{host, found.port(), {}};
  installed.tls = found.tls_client();
  installed.content = found.content();
  installed.username = application_login(installed.content).username;
  installed.password = application_login(installed.content).password;
  installed.admin = admin_login(installed.content);
  installed.record = with_folders_of_this_machine(context, found.spec(), kubectl.cluster().context, found.id);
  return installed;
}

}  // namespace raibid
