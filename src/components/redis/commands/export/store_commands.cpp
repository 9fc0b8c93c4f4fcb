#include "components/redis/commands/export/store_commands.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/served_api.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/commands/export/handover_view.hpp"
#include "components/redis/commands/export/stores.hpp"
#include "components/redis/place/place.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/server/password.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/record.hpp"
#include "config/yaml.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;

/// A kind of someone else's, and the version of it that is written where no cluster says which it serves.
struct StoreKind {
  const char* group;
  const char* kind;
  const char* otherwise;
};
constexpr StoreKind external_secret_kind{"external-secrets.io", "ExternalSecret", "external-secrets.io/v1"};
constexpr StoreKind push_secret_kind{"external-secrets.io", "PushSecret", "external-secrets.io/v1alpha1"};
constexpr StoreKind provider_class_kind{"secrets-store.csi.x-k8s.io", "SecretProviderClass",
                                        "secrets-store.csi.x-k8s.io/v1"};

std::string text_of(const Context& context, const char* name) { return context.settings.text(name); }

std::string needed(const Context& context, const char* name, const char* what) {
  const std::string text = context.settings.is_set(name) ? text_of(context, name) : "";
  if (!text.empty()) return text;
  throw Error(ExitCode::usage, fmt::format("--{} is missing: {}", name, what), fmt::format("add --{}", name));
}

StoreAddress address_of(const Context& context) {
  StoreAddress address;
  address.store = needed(context, "store", "the name of the SecretStore");
  if (!is_dns_subdomain(address.store))
    throw Error(ExitCode::usage, fmt::format("--store: {} is not a valid name", in_quotes(address.store)),
                "names are lower-case letters, digits, - and .");
  address.store_kind = text_of(context, "store-kind");
  address.key = needed(context, "key", "where the password lies in the store");
  address.property = context.settings.is_set("property") ? text_of(context, "property") : "";
  return address;
}

/// --api-version, else what the cluster serves, else the documented default.
std::string api_version_of(Context& context, const StoreKind& kind, bool has_cluster, const std::string& name_space) {
  if (context.settings.is_set("api-version")) {
    const std::string chosen = text_of(context, "api-version");
    if (chosen.starts_with(std::string(kind.group) + "/")) return chosen;
    throw Error(ExitCode::usage, fmt::format("--api-version: {} is no version of {}", in_quotes(chosen), kind.group),
                fmt::format("for instance {}", kind.otherwise));
  }
  if (!has_cluster) return kind.otherwise;
  const ClusterSession session = choose_cluster(context, name_space, NeedsHelm::no);
  const std::string served = served_api(context, session.kubectl, kind.group, kind.kind);
  if (!served.empty()) return served;
  context.reporter.note(fmt::format("this cluster serves no {}: written as {} (--api-version says otherwise)",
                                    kind.kind, kind.otherwise));
  return kind.otherwise;
}

CommandResult document_of(const Context& context, const ordered_json& value) {
  if (context.format() == OutputFormat::json) return {json_text(value, 2) + "\n"};
  return {to_yaml(value)};
}

void need_cluster(const Context& context, const RedisSettings& settings, const char* command) {
  if (settings.target == Target::kubernetes) return;
  throw Error(ExitCode::usage,
              fmt::format("{} writes of the release's own Secret, and --target {} has none", command,
                          target_name(settings.target)),
              "for the application's Secret, with --store and --key: " +
                  context.scope().command("export external-secret", "--for-app"));
}

CommandResult external_secret_for_app(Context& context) {
  const StoreAddress address = address_of(context);
  const HandoverView view = look_at_handover(context);
  const StoreTemplates templates = application_templates(context.preset, view);
  if (templates.empty())
    throw Error(ExitCode::usage, fmt::format("preset {} has no variable that holds the password", context.preset.name),
                "add one to its environment: REDIS_PASSWORD: \"{{password}}\"");
  const bool on_cluster = view.settings.target == Target::kubernetes;
  const std::string version = api_version_of(context, external_secret_kind, on_cluster, view.settings.name_space);
  return document_of(context,
                     external_secret_manifest(version, view.handover, context.preset.name, address, templates, false));
}

/// The release's own Secret as setup would make it, for one that is not there yet. The password is of no account: its
/// hash becomes a template.
SecretContent content_to_be(Context& context, RedisSettings& settings) {
  take_recorded(context, false);
  settings = redis_settings(context);
  if (!settings.user.name.empty())
    throw Error(ExitCode::preflight,
                fmt::format("user {} comes with another, admin, whose password setup makes", settings.user.name),
                "install it first: " + context.scope().command("setup redis"));
  return secret_content(template_marker(), Secret());
}

CommandResult export_external_secret(Context& context, const std::vector<std::string>&) {
  if (context.settings.flag("for-app")) return external_secret_for_app(context);
  mention_unfinished(context);
  const StoreAddress address = address_of(context);
  need_cluster(context, redis_settings(context), "export external-secret");
  RedisSettings settings = settings_to_find(context);
  SecretContent content;
  bool merge = false;
  const std::string chosen = context.settings.is_set("name") ? text_of(context, "name") : "";
  try {
    OpenedPlace opened = open_recorded(context, NeedsPreset::no);
    settings = std::move(opened.settings);
    content = opened.place->installed().content;
    merge = content.contains(acl_key);
  } catch (const Error& error) {
    if (error.code() != ExitCode::not_installed) throw;
    content = content_to_be(context, settings);
  }
  const RedisNames names(settings.release, settings.name_space);
  Handover handover{chosen.empty() ? names.full : chosen, settings.name_space, {}};
  if (!is_dns_subdomain(handover.name))
    throw Error(ExitCode::usage, fmt::format("--name: {} is not a valid name", in_quotes(handover.name)),
                "names are lower-case letters, digits, - and .");
  if (!settings.auth || content.empty())
    throw Error(ExitCode::preflight, "this Redis has no password: a store has nothing to give it");
  const bool own = handover.name == names.full;
  // a Secret of another name holds the password alone: setup makes users.acl of it, in its own
  const StoreTemplates templates =
      own ? release_templates(content, context.scope()) : StoreTemplates{{password_key, "{{ .password }}"}};
  const std::string version = api_version_of(context, external_secret_kind, true, settings.name_space);
  const std::string setup = context.scope().command("setup redis", "--existing-secret " + handover.name);
  if (own && merge) {
    context.reporter.note(
        "the store's password, and users.acl with it, go into the Secret as it is now; write this again after a change "
        "of --user, of the streams, or of the internal passwords. When it is applied: " +
        setup);
  } else if (own) {
    context.reporter.note(
        "this makes a Secret for a Redis without metrics and trimming, whose users setup makes the passwords of; "
        "--name NAME makes one of the password alone, which goes with everything. Then: " +
        setup);
  } else {
    context.reporter.note("when it is applied: " + setup);
  }
  return document_of(
      context, external_secret_manifest(version, handover, context.preset.name, address, templates, own && merge));
}

CommandResult export_push_secret(Context& context, const std::vector<std::string>&) {
  mention_unfinished(context);
  const StoreAddress address = address_of(context);
  need_cluster(context, redis_settings(context), "export push-secret");
  const OpenedPlace opened = open_recorded(context, NeedsPreset::no);
  const RedisSettings& settings = opened.settings;
  if (settings.existing_secret)
    throw Error(ExitCode::preflight,
                fmt::format("the password is that of Secret {}: it comes from a store already",
                            settings.existing_secret->text()),
                "push it from there");
  if (opened.place->installed().password.empty())
    throw Error(ExitCode::preflight, "this Redis has no password: there is nothing to push");
  const RedisNames names(settings.release, settings.name_space);
  const std::string version = api_version_of(context, push_secret_kind, true, settings.name_space);
  return document_of(
      context, push_secret_manifest(version, {names.full, settings.name_space, {}}, context.preset.name, address));
}

std::vector<std::pair<std::string, std::string>> parameters_of(const Context& context) {
  std::vector<std::pair<std::string, std::string>> parameters;
  for (const std::string& text : context.settings.list("parameter")) {
    const std::size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos)
      throw Error(ExitCode::usage, fmt::format("--parameter: {} is not NAME=VALUE", in_quotes(text)),
                  "for instance vaultAddress=https://vault.example.com");
    parameters.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return parameters;
}

CommandResult export_secret_provider_class(Context& context, const std::vector<std::string>&) {
  const std::string chosen = needed(context, "provider", "vault, aws, azure or gcp");
  const CsiProvider provider = chosen == "vault"   ? CsiProvider::vault
                               : chosen == "aws"   ? CsiProvider::aws
                               : chosen == "azure" ? CsiProvider::azure
                                                   : CsiProvider::gcp;
  StoreAddress address;
  address.key = needed(context, "key", "where the password lies in the store");
  address.property = context.settings.is_set("property") ? text_of(context, "property") : "";
  const auto parameters = parameters_of(context);
  const HandoverView view = look_at_handover(context);
  const std::string variable = password_variable(context.preset);
  if (variable.empty())
    context.reporter.note(
        fmt::format("preset {} has no variable that is the password alone: it is mounted as file {} and no more",
                    context.preset.name, password_key));
  const std::string version = api_version_of(context, provider_class_kind, view.settings.target == Target::kubernetes,
                                             view.settings.name_space);
  return document_of(context, secret_provider_class_manifest(version, view.handover, context.preset.name, provider,
                                                             address, parameters, variable));
}

/// What kubeseal made, checked before it is printed: encrypted values, and none of the Secret's own.
std::string checked_seal(const Output& output, const HandoverView& view, const ordered_json& secret) {
  if (!output.ok())
    throw Error(ExitCode::failure,
                "kubeseal failed: " +
                    (output.timed_out ? std::string("it did not answer in time") : printable(trim(output.err))),
                "it asks the controller of Sealed Secrets for its certificate, unless --cert FILE has it");
  const auto wrong = [] {
    return Error(ExitCode::failure, "kubeseal wrote something else than a SealedSecret: nothing is printed");
  };
  ordered_json made;
  try {
    made = parse_yaml(output.out, "what kubeseal wrote");
  } catch (const Error&) {
    throw wrong();  // its message might quote what was read
  }
  if (!made.is_object() || made.value("kind", "") != "SealedSecret") throw wrong();
  for (const auto& [key, value] : secret.at("data").items()) {
    if (output.out.find(value.get_ref<const std::string&>()) != std::string::npos) throw wrong();
  }
  if (!view.seen.password.empty() && output.out.find(view.seen.password.reveal()) != std::string::npos) throw wrong();
  return output.out;
}

CommandResult export_sealed_secret(Context& context, const std::vector<std::string>&) {
  HandoverView view = look_at_handover(context);
  if (view.seen.password.empty())
    throw Error(ExitCode::preflight, "this Redis has no password: there is nothing to seal");
  for (const Variable& file : application_files(context.preset, view.settings, view.seen, view.service))
    view.handover.variables.push_back(file);
  const ordered_json secret = secret_manifest(view.handover, context.preset.name);
  Command command;
  command.argv = {"kubeseal", "--format", context.format() == OutputFormat::json ? "json" : "yaml", "--scope",
                  text_of(context, "scope")};
  for (const char* name : {"cert", "controller-name", "controller-namespace", "kubeconfig", "context"}) {
    if (!context.settings.is_set(name) || text_of(context, name).empty()) continue;
    command.argv.push_back(std::string("--") + name);
    command.argv.push_back(text_of(context, name));
  }
  command.input = json_text(secret);
  Output output;
  try {
    output = run(context.runner, reading(command), context.deadline);
  } catch (Error& error) {
    throw error.with_hint(
        "install kubeseal, the program of Sealed Secrets (github.com/bitnami-labs/sealed-secrets), so that it is in "
        "PATH");
  }
  return {checked_seal(output, view, secret)};
}

OptionSpec text_option(const char* name, const char* help, const char* metavar) {
  return {.name = name, .help = help, .metavar = metavar, .flag_only = true};
}

std::vector<OptionSpec> key_options() {
  return {text_option("key", "Where the password lies in the store: its path or name", "PATH"),
          text_option("property", "The field of a value that is a map", "NAME")};
}

std::vector<OptionSpec> operator_options() {
  std::vector<OptionSpec> options = {text_option("store", "The SecretStore that the cluster's operator knows", "NAME"),
                                     {.name = "store-kind",
                                      .help = "Whether it is the namespace's or the cluster's",
                                      .kind = OptionKind::choice,
                                      .metavar = "KIND",
                                      .default_value = "SecretStore",
                                      .choices = {"SecretStore", "ClusterSecretStore"},
                                      .flag_only = true}};
  for (const OptionSpec& option : key_options()) options.push_back(option);
  return options;
}

OptionSpec api_version_option() {
  return text_option("api-version", "apiVersion of the manifest; what the cluster serves when not given", "VERSION");
}

std::vector<OptionSpec> with(std::vector<OptionSpec> options, const std::vector<OptionSpec>& more) {
  options.insert(options.end(), more.begin(), more.end());
  return options;
}

std::vector<OptionSpec> external_secret_options() {
  return with(
      with(operator_options(), {{.name = "for-app",
                                 .help = "For the application's namespace: the variables that hold the password",
                                 .kind = OptionKind::flag,
                                 .flag_only = true},
                                api_version_option()}),
      handover_option_rows());
}

std::vector<OptionSpec> provider_class_options() {
  return with(with({{.name = "provider",
                     .help = "Whose store it is",
                     .kind = OptionKind::choice,
                     .metavar = "PROVIDER",
                     .choices = {"vault", "aws", "azure", "gcp"},
                     .flag_only = true},
                    {.name = "parameter",
                     .help = "A parameter of the provider's own: vaultAddress, roleName, keyvaultName, tenantId …",
                     .kind = OptionKind::list,
                     .metavar = "NAME=VALUE",
                     .flag_only = true}},
                   with(key_options(), {api_version_option()})),
              handover_option_rows());
}

std::vector<OptionSpec> sealed_secret_options() {
  return with({{.name = "cert",
                .help = "The controller's certificate; kubeseal asks the cluster for it when not given",
                .metavar = "FILE",
                .flag_only = true,
                .is_path = true},
               {.name = "scope",
                .help = "Where it may be unsealed: under this name, in this namespace, or anywhere",
                .kind = OptionKind::choice,
                .metavar = "SCOPE",
                .default_value = "strict",
                .choices = {"strict", "namespace-wide", "cluster-wide"},
                .flag_only = true},
               text_option("controller-name", "Name of the controller of Sealed Secrets, as kubeseal takes it", "NAME"),
               text_option("controller-namespace", "Its namespace", "NAME")},
              handover_option_rows());
}

}  // namespace

std::vector<ComponentCommand> store_export_commands() {
  const auto row = [](std::string_view what, std::string_view summary, std::vector<OptionSpec> options, auto run) {
    return ComponentCommand{"export", summary, std::move(options), run, {}, what, nullptr};
  };
  return {
      row("external-secret", "An ExternalSecret that brings the password from a secret store",
          external_secret_options(), export_external_secret),
      row("push-secret", "A PushSecret that brings the password into a secret store",
          with(operator_options(), {api_version_option()}), export_push_secret),
      row("secret-provider-class", "A SecretProviderClass that mounts the password in the application's pods",
          provider_class_options(), export_secret_provider_class),
      row("sealed-secret", "The application's Secret encrypted by kubeseal, for a repository", sealed_secret_options(),
          export_sealed_secret),
  };
}

}  // namespace raibid
