#pragma once

#include <ostream>
#include <string>
#include <string_view>

#include "ui/make_reporter.hpp"

namespace raibid {

/// What both reporters do the same way: everything that is not a step.
class ReporterBase : public Reporter {
 public:
  ReporterBase(const Terminal& terminal, ReporterOptions options, std::ostream& out);

  void heading(std::string_view text) override;
  void note(std::string_view text) override;
  void pass_on(std::string_view text) override;
  void detail(std::string_view text) override;
  void warning(std::string_view text) override;
  void error(const BaseError& error) override;
  std::optional<bool> confirm(std::string_view question) override;
  std::optional<Secret> ask_secret(std::string_view question) override;

 protected:
  enum class Color { none, bold, dim, green, yellow, red };

  /// Writes complete lines; whoever has an unfinished line on the screen takes it away first.
  virtual void write_lines(const std::string& lines) = 0;
  /// The same for a question, which has no line end.
  virtual void write_question(const std::string& question) = 0;

  std::string painted(Color color, std::string_view text) const;
  /// Fit for the screen: no control characters, no UTF-8 where it cannot be shown.
  std::string clean(std::string_view text) const;
  void write(std::string_view text);

  const Terminal m_terminal;
  const ReporterOptions m_options;

 private:
  /// `text`, which may have several lines, behind `label`; further lines are indented.
  void say(Color color, std::string_view label, std::string_view text);

  std::ostream& m_out;
  const bool m_color;
};

}  // namespace raibid
