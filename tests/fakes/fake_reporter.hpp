#pragma once

#include "base/error.hpp"
#include "ui/reporter.hpp"

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace raibid {

/// Keeps what it was told, one line a call: "heading: …", "started: NAME", "progress: NAME: …", "done: NAME: …" (or
/// unchanged, warning, failed), "note: …", "detail: …", "warn: …", "error: MESSAGE [HINT]", "asked: …".
class FakeReporter final : public Reporter {
 public:
  std::vector<std::string> lines;
  std::map<std::string, std::chrono::milliseconds> elapsed;  ///< by step
  std::deque<bool> answers;                                  ///< for `confirm`; without one there is no terminal
  std::deque<std::string> secrets;                           ///< for `ask_secret`; the same

  /// True when a line has `part` in it.
  bool has(std::string_view part) const {
    for (const std::string& line : lines) {
      if (line.find(part) != std::string::npos) return true;
    }
    return false;
  }

  /// Everything, a line each: for messages of failing checks.
  std::string text() const {
    std::string all;
    for (const std::string& line : lines) all += line + "\n";
    return all;
  }

  void heading(std::string_view text) override { add("heading", text); }
  void step_started(std::string_view name) override { add("started", name); }
  void step_progress(std::string_view name, std::string_view text) override {
    add("progress", std::string(name) + ": " + std::string(text));
  }
  void step_ended(std::string_view name, Mark mark, std::string_view detail, std::chrono::milliseconds time) override {
    add(mark_name(mark), std::string(name) + ": " + std::string(detail));
    elapsed[std::string(name)] = time;
  }
  void note(std::string_view text) override { add("note", text); }
  void pass_on(std::string_view text) override { add("passed on", text); }
  void detail(std::string_view text) override { add("detail", text); }
  void warning(std::string_view text) override { add("warn", text); }
  void error(const BaseError& error) override { add("error", error.message() + " [" + error.hint() + "]"); }

  std::optional<bool> confirm(std::string_view question) override {
    add("asked", question);
    if (answers.empty()) return std::nullopt;
    const bool answer = answers.front();
    answers.pop_front();
    return answer;
  }

  std::optional<Secret> ask_secret(std::string_view question) override {
    add("asked", question);
    if (secrets.empty()) return std::nullopt;
    Secret secret(secrets.front());
    secrets.pop_front();
    return secret;
  }

 private:
  static std::string_view mark_name(Mark mark) {
    switch (mark) {
      case Mark::done:
        return "done";
      case Mark::unchanged:
        return "unchanged";
      case Mark::warning:
        return "warning";
      case Mark::failed:
        return "failed";
    }
    return "?";
  }

  void add(std::string_view kind, std::string_view text) {
    lines.push_back(std::string(kind) + ": " + std::string(text));
  }
};

}  // namespace raibid
