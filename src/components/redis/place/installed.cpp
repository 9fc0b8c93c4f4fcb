#include "components/redis/place/installed.hpp"

#include "base/error.hpp"

#include <fmt/format.h>

namespace raibid {

void throw_removed(const Context& context, const std::string& subject, const std::string& data) {
  throw Error(
      ExitCode::not_installed, fmt::format("{} is removed; its data are kept in {}", subject, data),
      "'setup redis' uses them again; to remove them: " + context.scope().command("teardown redis", "--delete-data"));
}

void throw_not_installed(const Context& context, const std::string& subject) {
  throw Error(ExitCode::not_installed, subject + " is not installed",
              "install it: " + context.scope().command("setup redis"));
}

}  // namespace raibid
