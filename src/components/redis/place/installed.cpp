#include "components/redis/place/installed.hpp"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/session.hpp"

namespace raibid {

void throw_not_installed(const Context& context, const std::string& subject) {
  throw Error(ExitCode::not_installed, subject + " is not installed",
              "install it: " + context.scope().command("setup redis"));
}

InstalledRedis find_on_kubernetes(Context& context, const Kubectl& kubectl, const RedisNames& names,
                                  const RedisSettings& settings) {
  const Command question = kubectl.get({"secret/" + names.full, "statefulset/" + names.workload});
  const nlohmann::json items = Kubectl::parse_items(question, kubectl.ask(question, context.deadline));
  InstalledRedis installed{names.host, 6379, {}};
  bool there = false;
  for (const nlohmann::json& item : items) {
    if (item.value("kind", "") == "StatefulSet") there = true;
    if (item.value("kind", "") == "Secret")
      installed.password = Secret(base64_decode(item.value("/data/redis-password"_json_pointer, "")));
  }
  if (!there)
    throw_not_installed(context, fmt::format("release {} in namespace {} of {}", settings.release, settings.name_space,
                                             kubectl.cluster().context));
  return installed;
}

}  // namespace raibid
