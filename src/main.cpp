#include "cli/cli.hpp"
#include "components/component.hpp"
#include "components/registry.hpp"
#include "sys/process.hpp"
#include "sys/random.hpp"
#include "sys/signals.hpp"
#include "sys/system_runner.hpp"
#include "tools/api_runner.hpp"
#include "tools/redis_connection.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cstdlib>
#include <exception>
#include <iostream>

namespace {

/// A file of ours must never get the number of a standard stream that is closed: what is said there would end up in it.
/// Writing to one opened for reading is an error, as it was to the closed one.
void occupy_standard_streams() {
  int fd = open("/dev/null", O_RDONLY);
  while (fd >= 0 && fd <= 2) fd = dup(fd);
  if (fd > 2) close(fd);
}

/// Passwords are in memory: no core dumps, ours or our children's. A limit of 1 also stops those that core_pattern
/// pipes into a program, which 0 does not (core(5), fs/coredump.c). PR_SET_DUMPABLE would do it too, but give
/// /proc/self to root.
void forbid_core_dumps() {
  const rlimit limit{1, 1};
  const rlimit none{0, 0};
  if (setrlimit(RLIMIT_CORE, &limit) != 0) setrlimit(RLIMIT_CORE, &none);  // 0 is the limit already where 1 is refused
}

int run(int argc, char** argv) {
  const raibid::SystemClock clock;
  raibid::Signals signals;
  raibid::SystemRunner system(clock, signals);
  raibid::SystemRandom random;
  raibid::HiredisConnector redis(system);
  const raibid::Environment environment = raibid::system_environment();
  raibid::ApiRunner runner(system, raibid::temporary_folder(environment));
  const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  return raibid::run_cli(
      arguments,
      {std::cout, std::cerr, raibid::probe_terminal(environment), environment, runner, clock, random, signals, redis},
      raibid::components());
}

}  // namespace

int main(int argc, char** argv) {
  occupy_standard_streams();
  forbid_core_dumps();
  umask(077);
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {  // before there is anything to run on, or a reporter
    std::cerr << "error: " << error.what() << "\n";
    return EXIT_FAILURE;
  }
}
