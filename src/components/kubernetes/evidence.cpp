#include "components/kubernetes/evidence.hpp"

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "config/yaml.hpp"
#include "sys/files.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

namespace raibid {

namespace {

using nlohmann::json;

constexpr int log_lines = 500;
constexpr std::size_t most_logs = 20;
constexpr const char* kept_kinds = "pods,statefulsets,persistentvolumeclaims";

/// A file of the folder and what fills it.
struct Piece {
  std::string file;
  Command command;
};

/// A new folder of the moment's name; a second one of the same second gets a number.
fs::path make_folder(const Files& files, const fs::path& parent, const Clock& clock, const Kubectl& kubectl) {
  files.make_private_directory(parent);
  std::string stamp = rfc3339(clock.wall());
  std::replace(stamp.begin(), stamp.end(), ':', '-');
  const std::string name = stamp + "-" + kubectl.name_space();
  fs::path folder = parent / name;
  for (int number = 2; fs::exists(folder); ++number) folder = parent / fmt::format("{}-{}", name, number);
  files.make_private_directory(folder);
  return folder;
}

/// One line an event, oldest first: kubectl's own table cuts messages.
std::string events_text(const json& items) {
  std::vector<std::pair<std::string, std::string>> lines;
  for (const json& event : items) {
    std::string time = text_at(event, {"lastTimestamp"});
    if (time.empty()) time = text_at(event, {"eventTime"});
    if (time.empty()) time = text_at(event, {"metadata", "creationTimestamp"});
    const std::int64_t count = std::max(number_at(event, {"count"}), number_at(event, {"series", "count"}));
    lines.emplace_back(
        time,
        fmt::format("{} {} {}/{} {}{}: {}", time, text_at(event, {"type"}), text_at(event, {"involvedObject", "kind"}),
                    text_at(event, {"involvedObject", "name"}), text_at(event, {"reason"}),
                    count > 1 ? fmt::format(" ({} times)", count) : "", printable(text_at(event, {"message"}))));
  }
  std::stable_sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string text;
  for (const auto& [time, line] : lines) text += line + "\n";
  return text;
}

/// Two commands for each container that has run: what it says, and what the one before it said.
std::vector<Piece> log_pieces(const Kubectl& kubectl, const json& objects) {
  std::vector<Piece> pieces;
  for (const json& pod : objects) {
    if (text_at(pod, {"kind"}) != "Pod") continue;
    const std::string name = text_at(pod, {"metadata", "name"});
    for (const std::string_view kind : {"initContainerStatuses", "containerStatuses"}) {
      for (const json& status : items_at(pod, {"status", kind})) {
        const std::string container = text_at(status, {"name"});
        const bool ended_before = at(status, {"lastState", "terminated"}).is_object();
        if (text_at(status, {"containerID"}).empty() && !ended_before) continue;
        pieces.push_back({fmt::format("{}.{}.log", name, container), kubectl.logs(name, container, log_lines, false)});
        if (ended_before)
          pieces.push_back(
              {fmt::format("{}.{}.previous.log", name, container), kubectl.logs(name, container, log_lines, true)});
      }
    }
  }
  if (pieces.size() > most_logs) pieces.resize(most_logs);
  return pieces;
}

std::string error_text(const Error& error, const Kubectl& kubectl, const Clock& clock) {
  return fmt::format("{}\n{}\n\n{}, context {}, namespace {}\n{}\n", error.message(), error.hint(),
                     kubectl.cluster().server, kubectl.cluster().context, kubectl.name_space(), rfc3339(clock.wall()));
}

/// What a command said, and why it could not say more.
std::string said(const Output& output) {
  if (output.ok()) return output.out;
  return output.out +
         fmt::format("\n(kubectl {}: {})\n", output.timed_out ? "did not answer in time" : "failed", trim(output.err));
}

/// The items of a list, also of one that lacks a kind: the file says why, see `why_incomplete`.
json items_of(const Output& output) {
  const json list = try_parse_json(output.out);
  return list.is_object() ? items_at(list, {"items"}) : json::array();
}

std::string why_incomplete(const Output& output) {
  if (output.ok()) return "";
  return fmt::format("# kubectl {}: {}\n", output.timed_out ? "did not answer in time" : "failed",
                     printable(trim(output.err)));
}

/// The objects as they are, a document each, without the account of who wrote which field.
std::string objects_text(const Output& output) {
  std::string text = why_incomplete(output);
  for (json object : items_of(output)) {
    if (object.contains("metadata") && object["metadata"].is_object()) object["metadata"].erase("managedFields");
    text += "---\n" + to_yaml(object);
  }
  return text;
}

using Pieces = std::vector<std::pair<std::string, std::string>>;

/// Hands over each piece as it is there: what is kept so far outlives an interruption.
void collect(const Kubectl& kubectl, const std::string& selector, TimePoint deadline,
             const std::function<void(const std::string& file, const std::string& text)>& keep) {
  const std::vector<Command> questions = {kubectl.list(kept_kinds, selector), kubectl.list("events", "")};
  const std::vector<Output> answers = kubectl.run(questions, deadline);
  keep("objects.yaml", objects_text(answers[0]));
  keep("events.txt", why_incomplete(answers[1]) + events_text(items_of(answers[1])));

  const std::vector<Piece> logs = log_pieces(kubectl, items_of(answers[0]));
  std::vector<Command> commands;
  for (const Piece& piece : logs) commands.push_back(piece.command);
  const std::vector<Output> texts = kubectl.run(commands, deadline);
  for (std::size_t i = 0; i < logs.size(); ++i) keep(logs[i].file, said(texts[i]));
}

}  // namespace

Pieces evidence_of(const Kubectl& kubectl, const std::string& selector, TimePoint deadline) {
  Pieces pieces;
  collect(kubectl, selector, deadline,
          [&pieces](const std::string& file, const std::string& text) { pieces.emplace_back(file, text); });
  return pieces;
}

std::string keep_evidence(const Files& files, const Clock& clock, const Kubectl& kubectl, const std::string& selector,
                          const fs::path& parent, const Error& error, const std::string& values, TimePoint deadline) {
  fs::path folder;
  try {
    folder = make_folder(files, parent, clock, kubectl);
    files.write_atomic(folder / "error.txt", error_text(error, kubectl, clock));
    if (!values.empty()) files.write_atomic(folder / "values.yaml", values);
    collect(kubectl, selector, deadline,
            [&](const std::string& file, const std::string& text) { files.write_atomic(folder / file, text); });
  } catch (const std::exception&) {
    // a second Ctrl-C, a full disk: what is there already is worth its path
  }
  std::error_code ignored;
  if (folder.empty() || fs::remove(folder, ignored)) return "";  // an empty one goes
  return folder.string();
}

}  // namespace raibid
