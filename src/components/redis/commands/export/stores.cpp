#include "components/redis/commands/export/stores.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/strings.hpp"
#include "components/redis/server/password.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;

constexpr const char* refresh = "1h";
/// A name of our own for what the store has, in the templates.
constexpr const char* fetched = "password";

constexpr const char* plain_action = "{{ .password }}";
constexpr const char* hash_action = "{{ .password | sha256sum }}";
/// Both encode all but letters, digits and -._~; Go's url.QueryEscape makes + of a space, and %2B of a plus.
constexpr const char* url_action = R"({{ .password | urlquery | replace "+" "%20" }})";
/// As JSON writes printable ASCII.
constexpr const char* quoted_action = R"({{ .password | replace "\\" "\\\\" | replace "\"" "\\\"" }})";

/// The marker as it is, in a URL, and between double quotes.
constexpr const char* marker = "raibid/\"password";
constexpr const char* marker_in_url = "raibid%2F%22password";
constexpr const char* marker_quoted = "raibid/\\\"password";

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

/// "{{" is where a template begins.
std::string escaped(std::string text) { return replaced(std::move(text), "{{", R"({{ "{{" }})"); }

/// users.acl with the hashes of this user's password as one action.
std::string acl_template(const Secret& acl, const std::string& user) {
  std::string text;
  for (const std::string& line : split(acl.reveal(), '\n')) {
    if (line.empty()) continue;
    std::vector<std::string> words = split(line, ' ');
    for (std::string& word : words) word = escaped(word);
    if (words.size() > 2 && words[0] == "user" && words[1] == user) {
      const auto hash =
          std::find_if(words.begin(), words.end(), [](const std::string& word) { return word.starts_with('#'); });
      if (hash != words.end()) *hash = "#" + std::string(hash_action);
    }
    text += join(words, " ") + "\n";
  }
  return text;
}

ordered_json manifest(const std::string& api_version, const char* kind, const Handover& handover,
                      const std::string& preset) {
  return {{"apiVersion", api_version},
          {"kind", kind},
          {"metadata",
           {{"name", handover.name},
            {"namespace", handover.name_space},
            {"labels", {{"app.kubernetes.io/part-of", preset}}}}}};
}

/// JSON strings are YAML: what the providers read is YAML in a string.
std::string quoted(const std::string& text) { return json_text(nlohmann::json(text)); }

std::string value_of(const std::vector<std::pair<std::string, std::string>>& parameters, std::string_view name) {
  const auto found =
      std::find_if(parameters.begin(), parameters.end(), [&](const auto& one) { return one.first == name; });
  return found == parameters.end() ? "" : found->second;
}

void need(const std::vector<std::pair<std::string, std::string>>& parameters, const char* provider,
          std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (!value_of(parameters, name).empty()) continue;
    throw Error(ExitCode::usage, fmt::format("--provider {} needs to know {}", provider, name),
                fmt::format("add --parameter {}=VALUE", name));
  }
}

/// What the provider is told to fetch: the name of its parameter, and YAML.
std::pair<const char*, std::string> objects_of(CsiProvider provider, const StoreAddress& address) {
  const std::string key = quoted(address.key);
  const std::string property = quoted(address.property);
  switch (provider) {
    case CsiProvider::vault:  // developer.hashicorp.com/vault/docs/deploy/kubernetes/csi/configurations
      return {"objects", fmt::format("- objectName: {}\n  secretPath: {}\n{}", password_key, key,
                                     address.property.empty() ? "" : fmt::format("  secretKey: {}\n", property))};
    case CsiProvider::aws:  // github.com/aws/secrets-store-csi-driver-provider-aws, "Usage"
      return {
          "objects",
          address.property.empty()
              ? fmt::format("- objectName: {}\n  objectType: secretsmanager\n  objectAlias: {}\n", key, password_key)
              : fmt::format("- objectName: {}\n  objectType: secretsmanager\n  jmesPath:\n    - path: {}\n      "
                            "objectAlias: {}\n",
                            key, property, password_key)};
    case CsiProvider::azure:  // azure.github.io/secrets-store-csi-driver-provider-azure, "Using the provider"
      return {"objects", fmt::format("array:\n  - |\n    objectName: {}\n    objectType: secret\n    objectAlias: {}\n",
                                     key, password_key)};
    case CsiProvider::gcp:  // github.com/GoogleCloudPlatform/secrets-store-csi-driver-provider-gcp, "Usage"
      break;
  }
  return {"secrets", fmt::format("- resourceName: {}\n  path: {}\n", key, quoted(password_key))};
}

const char* name_of(CsiProvider provider) {
  switch (provider) {
    case CsiProvider::vault:
      return "vault";
    case CsiProvider::aws:
      return "aws";
    case CsiProvider::azure:
      return "azure";
    case CsiProvider::gcp:
      break;
  }
  return "gcp";
}

}  // namespace

Secret template_marker() { return Secret(marker); }

std::string as_go_template(const std::string& text) {
  std::string made = replaced(escaped(text), marker_in_url, url_action);
  made = replaced(std::move(made), marker_quoted, quoted_action);
  return replaced(std::move(made), marker, plain_action);
}

StoreTemplates release_templates(const SecretContent& content, const Scope& scope) {
  if (password_hashes(content).size() > 1)
    throw Error(ExitCode::preflight, "two passwords hold, and a template has one",
                "end the older one first: " + scope.command("credentials rotate", "--finish"));
  StoreTemplates templates = {{password_key, plain_action}};
  const Secret acl = raibid::value_of(content, acl_key);
  if (!acl.empty()) templates[acl_key] = acl_template(acl, shown_user(application_login(content)));
  return templates;
}

StoreTemplates application_templates(const Preset& preset, const HandoverView& view) {
  InstalledRedis marked = view.seen;
  marked.password = template_marker();
  StoreTemplates templates;
  for (const Variable& variable : application_variables(preset, view.settings, marked, view.service)) {
    if (variable.secret) templates[variable.name] = as_go_template(variable.value.reveal());
  }
  for (const Variable& file : application_files(preset, view.settings, marked, view.service))
    templates[file.name] = as_go_template(file.value.reveal());
  return templates;
}

ordered_json external_secret_manifest(const std::string& api_version, const Handover& handover,
                                      const std::string& preset, const StoreAddress& address,
                                      const StoreTemplates& templates, bool merge) {
  ordered_json external = manifest(api_version, "ExternalSecret", handover, preset);
  ordered_json remote = {{"key", address.key}};
  if (!address.property.empty()) remote["property"] = address.property;
  ordered_json data = ordered_json::object();
  for (const auto& [key, text] : templates) data[key] = text;
  const ordered_json one = {{"secretKey", fetched}, {"remoteRef", remote}};
  external["spec"] = {{"refreshInterval", refresh},
                      {"secretStoreRef", {{"name", address.store}, {"kind", address.store_kind}}},
                      {"target",
                       {{"name", handover.name},
                        {"creationPolicy", merge ? "Merge" : "Owner"},
                        {"deletionPolicy", "Retain"},
                        {"template", {{"engineVersion", "v2"}, {"data", data}}}}},
                      {"data", ordered_json::array({one})}};
  return external;
}

ordered_json push_secret_manifest(const std::string& api_version, const Handover& handover, const std::string& preset,
                                  const StoreAddress& address) {
  ordered_json push = manifest(api_version, "PushSecret", handover, preset);
  ordered_json remote = {{"remoteKey", address.key}};
  if (!address.property.empty()) remote["property"] = address.property;
  const ordered_json store = {{"name", address.store}, {"kind", address.store_kind}};
  const ordered_json one = {{"match", {{"secretKey", password_key}, {"remoteRef", remote}}}};
  push["spec"] = {{"refreshInterval", refresh},
                  {"updatePolicy", "Replace"},
                  {"deletionPolicy", "None"},  // what the store has stays when this goes
                  {"secretStoreRefs", ordered_json::array({store})},
                  {"selector", {{"secret", {{"name", handover.name}}}}},
                  {"data", ordered_json::array({one})}};
  return push;
}

ordered_json secret_provider_class_manifest(const std::string& api_version, const Handover& handover,
                                            const std::string& preset, CsiProvider provider,
                                            const StoreAddress& address,
                                            const std::vector<std::pair<std::string, std::string>>& parameters,
                                            const std::string& variable) {
  if (provider == CsiProvider::azure) need(parameters, "azure", {"keyvaultName", "tenantId"});
  if (provider == CsiProvider::vault) need(parameters, "vault", {"roleName"});
  const bool has_map = provider == CsiProvider::vault || provider == CsiProvider::aws;
  if (!address.property.empty() && !has_map)
    throw Error(ExitCode::usage,
                fmt::format("--property does not go with --provider {}: its values are not maps", name_of(provider)),
                "leave --property out");
  if (address.property.empty() && provider == CsiProvider::vault)
    throw Error(ExitCode::usage, "--provider vault needs to know the field of the secret",
                "name it by --property, for instance --property password");
  ordered_json made = manifest(api_version, "SecretProviderClass", handover, preset);
  ordered_json all = ordered_json::object();
  for (const auto& [name, value] : parameters) all[name] = value;
  const auto [name, objects] = objects_of(provider, address);
  all[name] = objects;
  made["spec"] = {{"provider", name_of(provider)}, {"parameters", all}};
  if (!variable.empty()) {
    const ordered_json one = {{"objectName", password_key}, {"key", variable}};
    const ordered_json secret = {
        {"secretName", handover.name}, {"type", "Opaque"}, {"data", ordered_json::array({one})}};
    made["spec"]["secretObjects"] = ordered_json::array({secret});
  }
  return made;
}

}  // namespace raibid
