#include "components/redis/place/installed.hpp"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/session.hpp"
#include "components/presets.hpp"
#include "components/redis/place/kubernetes/certificates.hpp"
#include "components/redis/place/kubernetes/secret_content.hpp"

namespace raibid {

namespace {

bool names_files(const Spec& record) {
  const auto preset = record.chosen.find("preset");
  const bool is_file =
      preset != record.chosen.end() && !preset->second.values.empty() && is_preset_file(preset->second.values.front());
  return is_file || record.chosen.contains("values");
}

}  // namespace

void throw_not_installed(const Context& context, const std::string& subject) {
  throw Error(ExitCode::not_installed, subject + " is not installed",
              "install it: " + context.scope().command("setup redis"));
}

InstalledRedis find_on_kubernetes(Context& context, const Kubectl& kubectl, const RedisNames& names,
                                  const RedisSettings& settings) {
  const Command question =
      kubectl.get({"secret/" + names.full, "statefulset/" + names.workload, "secret/" + names.certificate});
  const nlohmann::json items = Kubectl::parse_items(question, kubectl.ask(question, context.deadline));
  InstalledRedis installed{names.host, 6379, {}};
  bool there = false;
  SecretContent certificate;
  for (const nlohmann::json& item : items) {
    if (item.value("kind", "") == "StatefulSet") {
      there = true;
      installed.record = parse_spec(text_at(item, {"metadata", "annotations", spec_annotation}));
    }
    const std::string name = text_at(item, {"metadata", "name"});
    if (name == names.certificate) certificate = content_of(&item);
    if (item.value("kind", "") == "Secret" && name == names.full) {
      installed.content = content_of(&item);
      installed.username = application_login(installed.content).username;
      installed.password = application_login(installed.content).password;
      installed.admin = admin_login(installed.content);
    }
  }
  if (!there)
    throw_not_installed(context, fmt::format("release {} in namespace {} of {}", settings.release, settings.name_space,
                                             kubectl.cluster().context));
  if (const TlsChoice& tls = installed.record.tls; tls.enabled()) {
    if (tls.from == TlsChoice::From::secret && tls.secret != names.certificate) {
      const Command given = kubectl.get({"secret/" + tls.secret});
      const nlohmann::json found = Kubectl::parse_items(given, kubectl.ask(given, context.deadline));
      certificate = found.empty() ? SecretContent() : content_of(&found.front());
    }
    installed.tls = release_tls(certificate, tls, names);
    installed.port = pod_port(tls);
  }
  installed.record = with_folders_of_this_machine(context, std::move(installed.record), kubectl.cluster().context,
                                                  settings.name_space, settings.release);
  return installed;
}

Spec with_folders_of_this_machine(const Context& context, Spec record, const std::string& cluster,
                                  const std::string& name_space, const std::string& release) {
  if (!names_files(record)) return record;
  for (const Credentials& one : all_credentials(context.paths)) {
    const bool same =
        one.target == "kubernetes" && one.context == cluster && one.name_space == name_space && one.release == release;
    if (same) return with_folders(std::move(record), parse_spec(one.record));
  }
  return record;
}

}  // namespace raibid
