#include "components/redis/place/kubernetes/store_secret.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/redis/place/kubernetes/secret_content.hpp"
#include "components/redis/server/password.hpp"
#include "components/redis/server/secret_problem.hpp"
#include "components/redis/settings/stream_options.hpp"

namespace raibid {

namespace {

using nlohmann::json;

enum class Where { label, annotation };

/// A mark by which a controller says that a Secret is its own. One that ends in "/" stands for all that begin with it.
struct ControllerMark {
  Where where;
  const char* name;
  const char* value;  ///< "" for any
  const char* controller;
};
constexpr std::array marks = {
    // external-secrets.io: apis/externalsecrets/v1, LabelOwner and LabelManaged
    ControllerMark{Where::label, "reconcile.external-secrets.io/created-by", "", "External Secrets"},
    ControllerMark{Where::label, "reconcile.external-secrets.io/managed", "true", "External Secrets"},
    // github.com/bitnami-labs/sealed-secrets: README, "Managing existing secrets" and "Patching existing secrets"
    ControllerMark{Where::annotation, "sealedsecrets.bitnami.com/managed", "true", "Sealed Secrets"},
    ControllerMark{Where::annotation, "sealedsecrets.bitnami.com/patch", "true", "Sealed Secrets"},
    // secrets-store-csi-driver.sigs.k8s.io: pkg/util/secretutil, SecretManagedLabel
    ControllerMark{Where::label, "secrets-store.csi.k8s.io/managed", "true", "the Secrets Store CSI driver"},
    // developer.hashicorp.com/vault/docs/deploy/kubernetes/vso: what the operator owns
    ControllerMark{Where::label, "app.kubernetes.io/managed-by", "hashicorp-vso", "the Vault Secrets Operator"},
    ControllerMark{Where::label, "secrets.hashicorp.com/", "", "the Vault Secrets Operator"},
    // argo-cd.readthedocs.io: resource tracking
    ControllerMark{Where::annotation, "argocd.argoproj.io/tracking-id", "", "Argo CD"},
    ControllerMark{Where::label, "argocd.argoproj.io/instance", "", "Argo CD"},
    // fluxcd.io: kustomize and helm controllers
    ControllerMark{Where::label, "kustomize.toolkit.fluxcd.io/name", "", "Flux"},
    ControllerMark{Where::label, "helm.toolkit.fluxcd.io/name", "", "Flux"},
};

bool has_mark(const json& secret, const ControllerMark& mark) {
  const json& all = at(secret, {"metadata", mark.where == Where::label ? "labels" : "annotations"});
  if (!all.is_object()) return false;
  const std::string_view name = mark.name;
  for (const auto& [key, value] : all.items()) {
    const bool named = name.ends_with('/') ? std::string_view(key).starts_with(name) : key == name;
    if (named && value.is_string() && (*mark.value == '\0' || value.get_ref<const std::string&>() == mark.value))
      return true;
  }
  return false;
}

[[noreturn]] void refuse(const std::string& message, const std::string& hint) {
  throw Error(ExitCode::preflight, message, hint);
}

}  // namespace

std::string controller_of(const json& secret) {
  for (const json& owner : items_at(secret, {"metadata", "ownerReferences"}))
    return fmt::format("{} {}", printable(text_at(owner, {"kind"})), printable(text_at(owner, {"name"})));
  const auto mark =
      std::find_if(marks.begin(), marks.end(), [&](const ControllerMark& one) { return has_mark(secret, one); });
  return mark == marks.end() ? "" : mark->controller;
}

Secret read_existing_secret(Context& context, const Kubectl& kubectl, const SecretReference& reference) {
  const Command question = kubectl.get({"secret/" + reference.name});
  const json found = Kubectl::parse_items(question, kubectl.ask(question, context.deadline));
  const std::string name = fmt::format("Secret {} in namespace {}", reference.name, kubectl.name_space());
  if (found.empty())
    refuse(fmt::format("--existing-secret: there is no {}", name),
           "whatever keeps it has to make it first; see what is there: " + kubectl.for_people({"get", "secret"}));
  const SecretContent content = content_of(&found.front());
  if (!content.contains(reference.key)) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : content) keys.push_back(printable(key));
    refuse(fmt::format("--existing-secret: {} has no key {}", name, reference.key),
           keys.empty()
               ? "it has none at all: whatever keeps it has to write that key"
               : fmt::format("it has {}: name one as --existing-secret {}/KEY", join(keys, ", "), reference.name));
  }
  const Secret password = value_of(content, reference.key);
  if (const std::string problem = password_problem(password.reveal()); !problem.empty())
    refuse(fmt::format("--existing-secret: key {} of {} {}", reference.key, name, problem),
           "store one of 8 to 512 printable ASCII characters, without spaces and without a line break at its end");
  return password;
}

bool is_refused_password(const Error& error) {
  return error.message().find("refuses the password") != std::string::npos;
}

bool kept_by_store(const RedisSettings& settings, const RedisNames& names) {
  return settings.existing_secret && settings.existing_secret->name == names.full;
}

std::vector<std::string> missing_keys(const Observed& observed, const RedisSettings& settings) {
  std::vector<std::string> wanted = {acl_key, password_key};
  if (settings.metrics) wanted.emplace_back("exporter.json");
  if (!trimmed_streams(settings).empty()) wanted.emplace_back("trim-password");
  if (settings.backup.wanted()) wanted.emplace_back(backup_password_key);
  if (!settings.user.name.empty()) {
    wanted.emplace_back(username_key);
    wanted.emplace_back(admin_password_key);
  }
  std::erase_if(wanted,
                [&](const std::string& key) { return observed.secret && observed.secret->content.contains(key); });
  return wanted;
}

void refuse_kept_secret(const Observed& observed, const RedisSettings& settings, const RedisNames& names,
                        const Scope& scope) {
  if (!kept_by_store(settings, names)) {
    if (!observed.secret || observed.secret->controller.empty()) return;
    refuse(fmt::format("Secret {} in namespace {} belongs to {}, which would take back what setup writes", names.full,
                       settings.name_space, observed.secret->controller),
           "use the password that it has, and leave it alone: " +
               scope.command("setup redis", "--existing-secret " + names.full));
  }
  if (!observed.secret) return;  // said by read_existing_secret
  const std::string what = fmt::format("Secret {} is the one of --existing-secret, and is not written", names.full);
  if (settings.existing_secret->key != password_key)
    refuse(fmt::format("{}: its password has to be in key {}", what, password_key),
           "let whatever keeps it use that key; a manifest that does, with --store and --key: " +
               scope.command("export external-secret"));
  if (const auto missing = missing_keys(observed, settings); !missing.empty())
    refuse(fmt::format("{}: it lacks {}", what, join(missing, ", ")),
           "let setup make the Secret without --existing-secret, and the store merge its password into it "
           "(creationPolicy Merge); to write that, with --store and --key: " +
               scope.command("export external-secret"));
  if (const std::string problem = secret_problem(observed.secret->content); !problem.empty())
    refuse(fmt::format("{}: {}", what, problem),
           "the template of whatever keeps it has to make users.acl of the password; one that does, with --store and "
           "--key: " +
               scope.command("export external-secret"));
}

}  // namespace raibid
