#include "components/redis/place/installed.hpp"

#include "base/error.hpp"

namespace raibid {

void throw_not_installed(const Context& context, const std::string& subject) {
  throw Error(ExitCode::not_installed, subject + " is not installed",
              "install it: " + context.scope().command("setup redis"));
}

}  // namespace raibid
