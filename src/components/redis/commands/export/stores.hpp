#pragma once

#include <nlohmann/json_fwd.hpp>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "components/redis/commands/export/handover_view.hpp"
#include "components/redis/server/users.hpp"
#include "config/preset.hpp"

namespace raibid {

/// Where a password lies in a secret store, and how the cluster's operator is told of the store.
struct StoreAddress {
  std::string store;       ///< name of the SecretStore
  std::string store_kind;  ///< "SecretStore" or "ClusterSecretStore"
  std::string key;         ///< the store's path or name
  std::string property;    ///< of a value that is a map; "" for the value itself
};

/// What External Secrets is to make of it: keys of a Secret as Go templates over `.password`, rendered by its engine v2
/// (external-secrets.io, "Advanced Templating v2": Go's text/template with sprig).
using StoreTemplates = std::map<std::string, std::string>;

/// A text that was made with `template_marker()` as the password, as a Go template over `.password`: in a URL, in a
/// file (between double quotes), or as it is. What a template would read otherwise is escaped.
std::string as_go_template(const std::string& text);
/// A password that shows which form it was given.
Secret template_marker();

/// redis-password, and users.acl with the application's user by the password's SHA-256, in the bytes that raibid-cli
/// writes for the same password. Throws Error (preflight) while two passwords hold: a template has one.
StoreTemplates release_templates(const SecretContent& content, const Scope& scope);
/// The application's variables that hold the password, and its files.
StoreTemplates application_templates(const Preset& preset, const HandoverView& view);

/// An ExternalSecret that makes the Secret `name`, or (merge) keeps these keys of one that is there and leaves the
/// others.
nlohmann::ordered_json external_secret_manifest(const std::string& api_version, const Handover& handover,
                                                const std::string& preset, const StoreAddress& address,
                                                const StoreTemplates& templates, bool merge);

/// A PushSecret that writes the key redis-password of the Secret `handover.name` to a store.
nlohmann::ordered_json push_secret_manifest(const std::string& api_version, const Handover& handover,
                                            const std::string& preset, const StoreAddress& address);

/// Those that the Secrets Store CSI driver has a provider for.
enum class CsiProvider { vault, aws, azure, gcp };
/// A SecretProviderClass that mounts the password as a file redis-password and, with `variable`, keeps it as that key
/// of the Secret `handover.name`. `parameters` are the provider's own (vaultAddress, keyvaultName …). Throws Error
/// (usage) for one that the provider cannot do without.
nlohmann::ordered_json secret_provider_class_manifest(
    const std::string& api_version, const Handover& handover, const std::string& preset, CsiProvider provider,
    const StoreAddress& address, const std::vector<std::pair<std::string, std::string>>& parameters,
    const std::string& variable);

}  // namespace raibid
