#pragma once

#include <string>
#include <vector>

#include "cli/command_table.hpp"

namespace raibid {

/// A page for man(1): its file name ("raibid-cli-setup-redis.1") and its text in the man macros of groff (man(7)).
struct ManPage {
  std::string file;
  std::string text;
};

/// raibid-cli.1, and a page for each command, from the same table as --help.
std::vector<ManPage> man_pages(const CommandTable& table);

/// `raibid-cli man-pages FOLDER` writes them.
CommandRow man_pages_row();

}  // namespace raibid
