#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "components/redis/server/health.hpp"

namespace raibid {

/// A row of the table of several: the cells of RELEASE, WHERE, PRESET, STATE, REDIS and MEMORY, and the note.
struct WatchRow {
  std::vector<std::string> cells;
  bool healthy = false;
  std::string note;  ///< what is wrong, or the queue
};

/// The table on a terminal of `width` columns. Where it does not fit, columns are left out, the least telling first
/// (PRESET, REDIS, MEMORY, WHERE); a note that does not fit goes on below its row, wrapped and not cut.
std::vector<std::string> table_screen(const std::vector<WatchRow>& rows, std::size_t width, bool color);

/// Every check of one, with hints, wrapped at `width`. Where there are more than `rows` lines, checks that passed are
/// left out from the end, and the last line counts them.
std::vector<std::string> report_screen(const std::string& title, const HealthReport& health, std::size_t width,
                                       std::size_t rows, bool color);

/// As many of the lines as there are rows; the last one then says how many more there are.
std::vector<std::string> cut_to(std::vector<std::string> lines, std::size_t rows);

}  // namespace raibid
