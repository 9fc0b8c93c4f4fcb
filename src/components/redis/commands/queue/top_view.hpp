#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "components/redis/server/job_queue.hpp"

namespace raibid {

/// What `queue top` knows: facts, and what the user chose to see.
struct TopModel {
  std::string subject;  ///< "release raibid-redis in namespace jobs of k3s-dev"
  QueueFacts queue;
  std::size_t queues = 1;      ///< of the preset: Tab goes to the next
  std::vector<double> added;   ///< jobs per second, oldest first; of an Asynq queue those that were processed
  std::optional<double> done;  ///< jobs per second between the last two looks
  JobState list = JobState::pending;
  std::vector<JobView> jobs;  ///< of that state, oldest first
  bool more_jobs = false;
  std::size_t selected = 0;  ///< of jobs
  bool opened = false;       ///< the selected job is shown whole
  std::size_t scrolled = 0;  ///< lines of the opened job
  std::string question;      ///< to be answered with y or n
  std::string message;       ///< of the last act
  std::string failure;       ///< why the facts are old
  std::int64_t now_ms = 0;
  std::string clock;  ///< "14:02:11"
};

struct TopStyle {
  std::size_t columns = 80, rows = 24;
  bool utf8 = true;
  bool color = false;
};

/// The screen: at most `rows` lines of at most `columns` columns. Works from 60 columns and 10 rows; below that it says
/// so.
std::vector<std::string> top_frame(const TopModel& model, const TopStyle& style);

/// One line for a log: "14:02:11 raibid:jobs length 12 of 10,000, added 3.0/s, …".
std::string top_line(const TopModel& model);

}  // namespace raibid
