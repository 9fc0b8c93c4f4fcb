#pragma once

#include <functional>
#include <map>
#include <string>

namespace raibid {

/// What is at the other end of stderr, stdout and stdin: found out once, at the edge.
struct Terminal {
  bool rewrites = false;         ///< stderr is a terminal on which a line can be rewritten (not TERM=dumb)
  bool results_rewrite = false;  ///< the same of stdout
  bool questions = false;        ///< stderr and stdin are both terminals: there is someone to ask
  bool color = false;            ///< stderr is a terminal with colours, and NO_COLOR (no-color.org) is not set
  bool utf8 = false;             ///< the locale's encoding
  std::function<int()> width = [] { return 80; };   ///< in columns, now: it changes while we run
  std::function<int()> height = [] { return 24; };  ///< in rows, now
};

/// Asks the system. `environment` for TERM, NO_COLOR, LC_ALL, LC_CTYPE, LANG and COLUMNS.
Terminal probe_terminal(const std::map<std::string, std::string>& environment);

}  // namespace raibid
