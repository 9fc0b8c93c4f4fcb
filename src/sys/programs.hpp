#pragma once

#include <filesystem>
#include <string>

namespace raibid {

/// The program that execvp would start for `name` with this PATH, with all links followed; empty when there is none.
std::filesystem::path find_program(const std::string& name, const std::string& path);

/// Whether it is a program of its own: not a script, which may call another one tomorrow.
bool is_binary(const std::filesystem::path& program);

}  // namespace raibid
