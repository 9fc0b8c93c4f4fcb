#include "components/kubernetes/new_pod.hpp"

#include <nlohmann/json.hpp>

#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/judges.hpp"
#include "tools/failures.hpp"

namespace raibid {

using nlohmann::json;

json pod_of_set(const json& set, const std::string& pod) {
  json made = at(set, {"spec", "template"});
  made["apiVersion"] = "v1";
  made["kind"] = "Pod";
  made["metadata"]["name"] = text_at(set, {"metadata", "name"}) + "-dry-run";  // the present pod has the other
  for (const json& claim : items_at(set, {"spec", "volumeClaimTemplates"})) {
    const std::string name = text_at(claim, {"metadata", "name"});
    made["spec"]["volumes"].push_back({{"name", name}, {"persistentVolumeClaim", {{"claimName", name + "-" + pod}}}});
  }
  return made;
}

std::optional<Error> refusal_of_pod(const Output& answer) {
  if (answer.ok() || answer.timed_out) return std::nullopt;
  for (const std::string_view part : {"exceeded quota: ", "cannot create resource \"pods\"", "does not support dry run",
                                      "failed calling webhook ", "error looking up service account "}) {
    if (contains(answer.err, part)) return std::nullopt;
  }
  bool refused =
      failed_with(answer, "Forbidden") || failed_with(answer, "BadRequest") || failed_with(answer, "Invalid");
  for (const std::string_view part : {" is invalid: ", " denied the request"})
    refused = refused || contains(answer.err, part);
  if (!refused) return std::nullopt;
  std::string_view why = answer.err;
  for (const std::string_view prefix : {"\" is forbidden: ", "\" is invalid: ", "error when creating \"STDIN\": "}) {
    if (const std::string_view words = behind(why, prefix); !words.empty()) {
      why = words;
      break;
    }
  }
  return Error(ExitCode::preflight, "the cluster would refuse the new pod: " + printable(trim(why)),
               "nothing was changed, and Redis keeps running. Fix the cause (--image, --memory-limit, --set, -f), or "
               "ask whoever made the rule");
}

std::vector<std::string> warnings_in(const Output& answer) {
  constexpr std::string_view prefix = "Warning: ";
  std::vector<std::string> warnings;
  for (const std::string& line : split(answer.err, '\n')) {
    if (line.starts_with(prefix)) warnings.push_back(printable(line.substr(prefix.size())));
  }
  return warnings;
}

}  // namespace raibid
