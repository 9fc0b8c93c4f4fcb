#include "components/redis/commands/failover.hpp"

#include <nlohmann/json.hpp>

#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/place/place.hpp"
#include "components/redis/run/agree.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/result_format.hpp"

namespace raibid {

namespace {

int node_number(const std::string& text) {
  int number = -1;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem == std::errc() && end == text.data() + text.size() && number >= 0) return number;
  throw Error(ExitCode::usage, fmt::format("--to: {} is not the number of a node", in_quotes(text)),
              "the number is the end of a node's name: 0, 1 or 2 of three nodes");
}

}  // namespace

std::vector<OptionSpec> failover_options() {
  return {{.name = "to",
           .help = "Number of the node that takes over, at the end of its name; Sentinel chooses one when not given",
           .metavar = "N",
           .flag_only = true}};
}

CommandResult failover_redis(Context& context, const std::vector<std::string>&) {
  mention_unfinished(context);
  const auto [place, settings] = open_recorded(context, NeedsPreset::no);
  FailoverRequest request;
  if (context.settings.is_set("to")) request.to = node_number(context.settings.text("to"));
  request.agree = [&context, &request](const std::string& what) {
    agree(context, what, "failover redis", request.to ? fmt::format("--to {}", *request.to) : "");
  };
  const FailoverOutcome outcome = open_installer(context, settings)->fail_over(request);
  if (!outcome.plan.empty()) return {outcome.plan};
  const bool unchanged = outcome.from == outcome.to;
  const int code = unchanged || outcome.address_follows ? 0 : static_cast<int>(ExitCode::failure);
  if (context.format() != OutputFormat::table) {
    const nlohmann::ordered_json object = {{"changed", !unchanged},
                                           {"from", outcome.from},
                                           {"to", outcome.to},
                                           {"address_follows", unchanged || outcome.address_follows},
                                           {"seconds", outcome.seconds}};
    return {formatted(object, context.format()), code};
  }
  if (unchanged) return {fmt::format("{} is the master already: nothing to do.\n", outcome.to)};
  if (!outcome.address_follows)
    return {fmt::format("{} is the master now, and not every proxy leads to it yet. Look again: {}\n", outcome.to,
                        context.scope().command("status")),
            code};
  return {fmt::format("{} is the master now; the address leads to it after {:.1f} s.\n", outcome.to, outcome.seconds)};
}

}  // namespace raibid
