#include "components/redis/run/credentials_run.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/redis/run/steps.hpp"
#include "ui/reporter.hpp"

namespace raibid {

Plan credentials_plan(Context& context, UserStore& store, const UserServers& servers, const UserChange& change,
                      const std::string& what, const std::string& run, std::optional<Credentials>& file,
                      const std::string& preset) {
  const auto take_into_file = [&store, &file] {
    if (!file) return;
    const SecretContent content = store.read();
    file->password = application_login(content).password;
    file->username = shown_user(application_login(content));
    file->admin_password = value_of(content, admin_password_key);
  };
  Plan plan = {users_step(store, servers, change, what, run, context.scope().command("setup redis"), take_into_file)};
  if (file) plan.push_back(credentials_step(context, *file, preset));
  return plan;
}

void refuse_third_password(const Context& context, const SecretContent& content) {
  if (password_hashes(content).size() < 2) return;
  throw Error(ExitCode::preflight, "two passwords are already valid: a third one has to wait",
              "end the older one first: " + context.scope().command("credentials rotate", "--finish"));
}

void refuse_left_of_another_command(const Context& context, const JournaledRun& run, std::string_view own) {
  const auto left = run.left();
  if (!left || left->pending.empty() || left->header.operation.starts_with(own)) return;
  if (context.guard.dry_run()) return context.reporter.note(describe_left(*left));
  throw Error(ExitCode::preflight, fmt::format("an interrupted {} is not undone", left->header.operation),
              "setup undoes it first: " + context.scope().command("setup redis"));
}

}  // namespace raibid
