#include "components/redis/place/local/history_local.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/strings.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/settings/author.hpp"
#include "sys/files.hpp"

namespace raibid {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t most_revisions = 20;

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string line_of(const Revision& revision) {
  return json_text(ordered_json{{"revision", revision.number},
                                {"at", revision.at},
                                {"user", revision.user},
                                {"host", revision.host},
                                {"operation", revision.operation},
                                {"spec", to_json(revision.spec)}}) +
         "\n";
}

}  // namespace

std::vector<Revision> read_revisions(const LocalInstance& instance) {
  std::vector<Revision> all;
  for (const std::string& line : split(read_file(instance.history_file()).value_or(""), '\n')) {
    const json object = try_parse_json(line);
    if (!object.is_object() || !object.contains("revision") || !object["revision"].is_number_integer()) continue;
    try {
      all.push_back({object["revision"].get<int>(), false, "superseded", text_of(object, "at"), text_of(object, "user"),
                     text_of(object, "host"), text_of(object, "operation"), "", parse_spec(text_of(object, "spec"))});
    } catch (const Error&) {
      continue;
    }
  }
  return all;
}

std::vector<Revision> history_local(Context& context, const RedisSettings& settings) {
  const LocalInstance instance(context, settings.release);
  const std::string subject = fmt::format("release {} on this machine", settings.release);
  const auto state = instance.state();
  if (instance.removed()) throw_removed(context, subject, context.paths.shown(instance.folder()));
  if (!state) throw_not_installed(context, subject);
  std::vector<Revision> all = read_revisions(instance);
  // one of an older version has no such file
  if (all.empty()) all.push_back({1, false, "", "", "", "", "", "", state->spec});
  std::reverse(all.begin(), all.end());
  all.front().current = true;
  all.front().status = "deployed";
  return all;
}

void note_revision(const Context& context, const LocalInstance& instance, const std::string& operation) {
  const auto state = instance.state();
  if (!state) return;
  std::vector<Revision> all = read_revisions(instance);
  if (!all.empty() && all.back().spec == state->spec) return;
  const Author author = this_author(context.environment);
  all.push_back({all.empty() ? 1 : all.back().number + 1, false, "", rfc3339(context.clock.wall()), author.user,
                 author.host, operation, "", state->spec});
  if (all.size() > most_revisions) all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>(most_revisions));
  std::string text;
  for (const Revision& revision : all) text += line_of(revision);
  context.files.write_atomic(instance.history_file(), text);
}

}  // namespace raibid
