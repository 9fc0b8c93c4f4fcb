#pragma once

#include <map>

#include "ui/reporter_base.hpp"

namespace raibid {

/// For logs and pipes: one line for each change of state, written once.
class PlainReporter final : public ReporterBase {
 public:
  using ReporterBase::ReporterBase;

  void step_started(std::string_view name) override;
  void step_progress(std::string_view name, std::string_view text) override;
  void step_ended(std::string_view name, Mark mark, std::string_view detail,
                  std::chrono::milliseconds elapsed) override;

 private:
  void write_lines(const std::string& lines) override { write(lines); }
  void write_question(const std::string& question) override { write(question); }
  void write_step(Color color, std::string_view state, std::string_view name, std::string_view text);

  std::map<std::string, std::string, std::less<>> m_progress;  ///< what was said last, by step
};

}  // namespace raibid
