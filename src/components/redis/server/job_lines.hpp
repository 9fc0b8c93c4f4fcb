#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "components/redis/server/stream_entry.hpp"

namespace raibid {

/// Jobs as JSON lines. A line of a job is an object: text is a field's value as it is, anything else as its own JSON
/// text, byte for byte. A line of an export is {"id": …, "fields": {…}}, or {"id": …, "base64": [field, value, …]}
/// where an object of JSON cannot hold the entry (bytes that are not UTF-8, a field twice).

/// Reads a job into `job`, whose memory is used again. Throws Error (usage) with what is wrong with the line.
void parse_job_line(std::string_view line, StreamEntry& job);

/// Reads a line of an export. Throws as parse_job_line.
void parse_export_line(std::string_view line, StreamEntry& entry);

/// Appends an entry as a line of an export, with its end.
void append_export_line(std::string& out, const StreamEntry& entry);

/// Appends `text` (UTF-8) as a JSON string.
void append_json_string(std::string& out, std::string_view text);

bool is_utf8(std::string_view text);

/// What the jobs of a queue must have: one of the forms of StreamSpec::jobs.
class JobForms {
 public:
  explicit JobForms(const std::vector<std::string>& forms);

  /// What is wrong with a job, or "". Fields that no form names are fine.
  std::string problem(const StreamEntry& job) const;
  /// "job_id job_type payload, or job (a JSON object)"
  std::string text() const;

 private:
  struct Field {
    std::string name;
    bool object = false;
  };
  std::vector<std::vector<Field>> m_forms;
};

}  // namespace raibid
