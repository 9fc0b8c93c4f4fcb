#include "components/redis/run/handover_step.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

/// The proxies look twice a second, and the new master is given its replica before they lead to it.
constexpr Duration proxies_limit = std::chrono::seconds(15);
constexpr Duration look_at_proxies_limit = std::chrono::seconds(5);
constexpr Duration look_at_proxies_again = std::chrono::milliseconds(100);

double seconds_since(const Context& context, TimePoint start) {
  return std::chrono::duration<double>(context.clock.now() - start).count();
}

}  // namespace

void refuse_handover(const Topology& topology, const Scope& scope, std::optional<int> to) {
  const int last = static_cast<int>(topology.nodes.size()) - 1;
  if (to && (*to < 0 || *to > last))
    throw Error(ExitCode::usage, fmt::format("--to {}: there is no such node", *to),
                fmt::format("the nodes are 0 to {}", last));
  if (const std::string trouble = trouble_of_servers(topology); !trouble.empty())
    throw Error(ExitCode::failure, trouble + "; nothing was changed", "see: " + scope.command("status"));
}

Step handover_step(Context& context, Nodes& nodes, const Topology& before, std::optional<int> to,
                   const std::string& target, HandoverResult& result) {
  Step step;
  step.name = "handover";
  step.intent =
      fmt::format("pause writes at {}, promote {}, and cut off the old master's clients", result.from, target);
  step.undo = [] { return std::vector<Undo>{}; };  // the pause ends by itself
  step.act = [&context, &nodes, &before, to, &result]() -> StepResult {
    const TimePoint started = context.clock.now();
    const auto progress = [&](const std::string& what) { context.reporter.step_progress("handover", what); };
    result.to = hand_over(nodes, before, to, context.runner, context.deadline, progress);
    const TimePoint until = context.runner.now() + context.pace->patience(proxies_limit);
    for (;;) {
      const Topology now = nodes.look(std::min(context.deadline, context.runner.now() + look_at_proxies_limit));
      result.address_follows = now.master() != nullptr && trouble_of_proxies(now).empty();
      if (result.address_follows || context.runner.now() >= until) break;
      context.runner.wait({}, context.runner.now() + look_at_proxies_again);
    }
    result.seconds = seconds_since(context, started);
    return {Outcome::changed, fmt::format("{} → {}", result.from, result.to)};
  };
  return step;
}

}  // namespace raibid
