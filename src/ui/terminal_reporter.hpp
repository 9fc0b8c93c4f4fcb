#pragma once

#include "ui/reporter_base.hpp"

namespace raibid {

/// For people: the step that goes on is a line that is rewritten, and becomes a line with a mark when it has ended.
/// Only step lines are laid out to the terminal's width; all else is left whole, so that commands in it can be copied.
class TerminalReporter final : public ReporterBase {
 public:
  using ReporterBase::ReporterBase;
  ~TerminalReporter() override { erase_live(); }

  void step_started(std::string_view name) override;
  void step_progress(std::string_view name, std::string_view text) override;
  void step_ended(std::string_view name, Mark mark, std::string_view detail,
                  std::chrono::milliseconds elapsed) override;

 private:
  using Instant = std::chrono::steady_clock::time_point;

  struct LiveStep {
    std::string name;
    std::string text;
    Instant started;
    Instant drawn;
    std::size_t frame = 0;
  };

  void write_lines(const std::string& lines) override;
  void write_question(const std::string& question) override;

  /// The columns that a line of ours may take: the last stays free, as some terminals wrap when it is filled.
  std::size_t usable_width() const;
  std::string mark_text(Mark mark) const;
  std::string live_line(const LiveStep& step) const;
  std::string ended_line(std::string_view name, Mark mark, std::string_view detail, const std::string& elapsed) const;
  /// On a terminal with no room for the columns: the detail below the name, and no time.
  std::string ended_line_folded(std::string_view name, Mark mark, std::string_view detail) const;
  /// What takes the live line off the screen, also when the terminal has become narrower since and broke it.
  std::string erasing() const;
  void erase_live();
  void draw_live(const std::string& before);

  std::optional<LiveStep> m_live;
  std::size_t m_drawn_width = 0;  ///< of the live line that is on the screen; 0 when there is none
};

}  // namespace raibid
