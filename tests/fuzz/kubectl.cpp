#include "tools/kubectl.hpp"
#include "components/kubernetes/event_log.hpp"
#include "components/kubernetes/nodes.hpp"
#include "components/kubernetes/pod_table.hpp"
#include "components/kubernetes/verdict.hpp"
#include "fuzz/fuzz.hpp"

#include <nlohmann/json.hpp>

namespace {

using namespace raibid;
using nlohmann::json;

const Command command = {{"kubectl", "--context", "k3s", "-n", "apps", "get", "pods"}, "", {}};

// Both watches' documents, as a rollout takes them, and what it says of them.
void judge_watched(std::string text) {
  WatchParser parser;
  PodTable pods("app-master");
  EventLog events("app-master");
  const TimePoint now{};
  for (const json& document : parser.take(text)) {
    if (!document.is_object() || !document.contains("object")) continue;
    const json& object = document.at("object");
    events.take(document, false, now);
    if (object.is_object())
      pods.take(document.value("type", json("")).is_string() ? document.value("type", "") : "", object, false, now);
  }
  Observation observation;
  observation.workload = "app-master";
  observation.name_space = "apps";
  const auto counting = pods.counting();
  if (!counting.empty()) observation.pod = counting.front();
  observation.former = pods.former();
  observation.events = events.seen(now);
  observation.command = [](const std::vector<std::string>&) { return std::string("kubectl"); };
  decide(judge(observation), std::chrono::seconds(40));
}

}  // namespace

// The first byte chooses the question that the rest answers.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  return test::fuzz(data + 1, size - 1, [&](const std::string& text) {
    const Output answer{0, text, "", false};
    switch (data[0] % 8) {
      case 0:
        Kubectl::parse_items(command, answer);
        break;
      case 1:
        Kubectl::parse_version(command, answer);
        break;
      case 2:
        Kubectl::parse_release_records(command, answer);
        break;
      case 3:
        Kubectl::parse_refused({{"create", "", "secrets", ""}, {"get", "", "pods", ""}}, command, answer);
        break;
      case 4:
        Kubectl::parse_config_view(answer, "", "");
        break;
      case 5:
        judge_watched(text);
        break;
      case 6:
        read_nodes(Kubectl::parse_items(command, answer), json());
        break;
      default:
        Kubectl::explain(command, {1, "", text, false});
        break;
    }
  });
}
