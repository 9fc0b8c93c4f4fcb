#include "components/redis/place/external/external_target.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/server/password.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/spec.hpp"
#include "tools/tls_transport.hpp"

namespace raibid {

namespace {

constexpr const char* url_variable = "REDIS_URL";

/// Named for this run, above the preset.
bool is_named(const Context& context, const char* option) {
  const auto& all = context.settings.all();
  return all.contains(option) && context.settings.origin(option).source > Source::record;
}

/// The saved ones that this run can mean; `address` narrows them down when it is known.
std::vector<Credentials> candidates(const Context& context, const RedisSettings& settings,
                                    const std::optional<RedisAddress>& address) {
  const std::string context_named = is_named(context, "context") ? context.settings.text("context") : "";
  const std::string service = settings.adopted_service ? settings.adopted_service->text() : "";
  std::vector<Credentials> found;
  for (Credentials& one : all_credentials(context.paths)) {
    if (one.target != "external") continue;
    if (settings.adopted_service) {
      if (one.service != service || (!context_named.empty() && one.context != context_named)) continue;
    } else if (address && one.cluster_uid != address->text()) {
      continue;
    }
    if (is_named(context, "release") && one.release != settings.release) continue;
    if (is_named(context, "namespace") && one.name_space != settings.name_space) continue;
    found.push_back(std::move(one));
  }
  const auto is_of_settings = [&](const Credentials& one) {
    return one.release == settings.release && one.name_space == settings.name_space;
  };
  // several presets in one Redis: this run's own names choose
  if (found.size() > 1 && std::any_of(found.begin(), found.end(), is_of_settings))
    std::erase_if(found, [&](const Credentials& one) { return !is_of_settings(one); });
  return found;
}

[[noreturn]] void refuse_several(const Context& context, const std::vector<Credentials>& found) {
  std::vector<std::string> lines;
  for (const Credentials& one : found)
    lines.push_back(fmt::format("{} (release {}, {})", one.cluster_uid, one.release, context.paths.shown(one.path)));
  throw Error(ExitCode::usage, "several external Redis are set up: " + join(lines, "; "),
              "name one with --url and --release");
}

[[noreturn]] void refuse_nothing() {
  throw Error(
      ExitCode::usage, "--target external: it is not known which Redis is meant",
      "name it by --url or --adopt-service, or by the variable REDIS_URL; setup saves it for the commands after it");
}

std::string option_of(const Context& context, const char* name) {
  return context.settings.all().contains(name) ? context.settings.text(name) : std::string();
}

std::string read_tls_file(const std::string& path, const std::string& what) {
  std::string why;
  try {
    const std::optional<std::string> text = read_file(path);
    if (text) return *text;
    why = "is not there";
  } catch (const Error& error) {
    why = "cannot be read: " + error.message();
  }
  throw Error(ExitCode::usage, fmt::format("{}: {} {}", what, printable(path), why),
              "name a file in PEM that this user may read");
}

/// What was given for this run stands above what setup saved; a certificate and its key belong together.
void take_tls(const Context& context, ExternalTarget& target) {
  const std::string ca = option_of(context, "tls-ca"), certificate = option_of(context, "tls-cert"),
                    key = option_of(context, "tls-key");
  const auto is_told = [&](const char* name) {
    return !option_of(context, name).empty() && context.settings.origin(name).source == Source::flag;
  };
  if (target.service && (is_told("tls-ca") || is_told("tls-cert"))) target.address.tls = true;
  if (!target.address.tls) {
    for (const char* const name : {"tls-ca", "tls-cert", "tls-key"}) {
      if (!is_told(name)) continue;
      throw Error(ExitCode::usage, fmt::format("--{} goes with rediss://, and {} has redis://", name, target.origin),
                  fmt::format("leave --{} out, or write rediss:// for TLS", name));
    }
    return;
  }
  if (target.saved) {
    target.tls_ca = target.saved->ca_certificate;
    target.tls_certificate = target.saved->tls_certificate;
    target.tls_key = target.saved->tls_key;
  }
  if (!ca.empty()) target.tls_ca = read_tls_file(ca, named(context.settings, "tls-ca"));
  if (certificate.empty() != key.empty())
    throw Error(ExitCode::usage,
                fmt::format("{} was given without its {}", certificate.empty() ? "--tls-key" : "--tls-cert",
                            certificate.empty() ? "certificate" : "key"),
                "give both, --tls-cert FILE and --tls-key FILE");
  if (certificate.empty()) return;
  target.tls_certificate = fs::absolute(certificate).string();
  target.tls_key = fs::absolute(key).string();
}

/// --existing-secret, which setup records and the other commands may be told.
std::optional<SecretReference> named_secret(const Context& context) {
  const bool offered = context.settings.all().contains("existing-secret");
  const std::string text = offered ? context.settings.text("existing-secret") : "";
  if (text.empty() || text == no_existing_secret) return std::nullopt;
  return parse_secret_reference(text, named(context.settings, "existing-secret"));
}

void take_password(const Context& context, ExternalTarget& target) {
  const std::string file =
      context.settings.all().contains("password-file") ? context.settings.text("password-file") : std::string();
  RedisAddress& address = target.address;
  if (target.saved && address.username.empty() && target.saved->username != "default")
    address.username = target.saved->username;
  if (!file.empty()) {
    address.password = read_password_file(file, context.deadline, PasswordFor::other_redis);
  } else if (address.password.empty() && target.saved) {
    const std::string user = address.username.empty() ? "default" : address.username;
    const std::string of_saved = target.saved->username.empty() ? "default" : target.saved->username;
    if (user == of_saved) address.password = target.saved->password;
  }
}

}  // namespace

ExternalTarget saved_external(Credentials credentials) {
  ExternalTarget target;
  target.address.host = credentials.host;
  target.address.port = credentials.port;
  target.address.database = credentials.database;
  target.address.tls = credentials.tls;
  target.tls_ca = credentials.ca_certificate;
  target.tls_certificate = credentials.tls_certificate;
  target.tls_key = credentials.tls_key;
  if (credentials.username != "default") target.address.username = credentials.username;
  target.address.password = credentials.password;
  target.origin = credentials.path.string();
  target.release = credentials.release;
  target.name_space = credentials.name_space;
  if (!credentials.service.empty()) {
    target.service = ClusterService{parse_adopted_service(credentials.service, "", credentials.path.string()),
                                    credentials.context, existing_secret_of(parse_spec(credentials.record))};
    target.service->name.user = target.address.username;
  }
  target.saved = std::move(credentials);
  return target;
}

std::optional<TlsClient> tls_of(const Context& context, const ExternalTarget& target) {
  if (!target.address.tls) return std::nullopt;
  TlsClient client;
  client.server_name = target.address.host;
  client.ca = target.tls_ca;
  const bool saved = target.saved && target.tls_certificate == target.saved->tls_certificate;
  const std::string of_saved = saved ? context.paths.shown(target.saved->path) : "";
  if (!target.tls_certificate.empty()) {
    client.certificate = read_tls_file(target.tls_certificate, saved ? of_saved : "--tls-cert");
    client.key = Secret(read_tls_file(target.tls_key, saved ? of_saved : "--tls-key"));
  }
  if (client.ca.empty() && client.certificate.empty()) return client;
  try {
    const TlsContext usable(client);
  } catch (Error& error) {
    throw error.during(fmt::format("reading the files for TLS{}", saved ? " that " + of_saved + " names" : ""));
  }
  return client;
}

ExternalTarget find_external(const Context& context, const RedisSettings& settings) {
  ExternalTarget target;
  std::optional<RedisAddress> address = settings.address;
  if (address) target.origin = named(context.settings, "url");
  if (settings.adopted_service) {
    address = RedisAddress{.host = settings.adopted_service->host(), .username = settings.adopted_service->user};
    target.origin = named(context.settings, "adopt-service");
    target.service = ClusterService{*settings.adopted_service, "", named_secret(context)};
  }
  const std::string from_variable = variable(context.environment, url_variable);
  if (!address && !from_variable.empty()) {
    address = parse_redis_url(from_variable, url_variable, PasswordInUrl::allowed);
    target.origin = url_variable;
  }
  std::vector<Credentials> found = candidates(context, settings, address);
  if (!address && found.empty()) refuse_nothing();
  if (!address && found.size() > 1) refuse_several(context, found);
  if (!address) {
    target = saved_external(std::move(found.front()));
  } else {
    target.address = *address;
    target.release = settings.release;
    target.name_space = settings.name_space;
    if (found.size() == 1) {
      target.saved = std::move(found.front());
      target.release = target.saved->release;
      target.name_space = target.saved->name_space;
      if (target.service) {
        if (!is_named(context, "context")) target.service->kube_context = target.saved->context;
        if (!target.service->secret) target.service->secret = existing_secret_of(parse_spec(target.saved->record));
        target.address.port = target.saved->port;
        target.address.tls = target.saved->tls;
      }
    }
  }
  take_tls(context, target);
  if (target.address.tls) tls_of(context, target);  // a mistake in it is told before anything is sent
  take_password(context, target);
  return target;
}

}  // namespace raibid
