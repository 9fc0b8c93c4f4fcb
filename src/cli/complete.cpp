#include "cli/complete.hpp"

#include <chrono>
#include <ostream>

#include "base/strings.hpp"
#include "cli/session.hpp"
#include "components/context.hpp"
#include "components/registry.hpp"
#include "sys/detached.hpp"
#include "ui/make_reporter.hpp"

namespace raibid {

namespace {

/// People take 150 ms for at once; the program starts in a few of them.
constexpr Duration answer_limit = std::chrono::milliseconds(140);
/// Of these, so long for the first answer of a cluster, where nothing is known yet.
constexpr Duration first_answer_limit = std::chrono::milliseconds(80);
/// A cluster that has not told its names by then is left alone.
constexpr Duration learn_limit = std::chrono::seconds(5);
constexpr const char* learn_word = "learn";

NamedThing thing_called(const std::string& plural) {
  for (const NamedThing thing :
       {NamedThing::context, NamedThing::name_space, NamedThing::release, NamedThing::storage_class}) {
    if (plural_of(thing) == plural) return thing;
  }
  return NamedThing::none;
}

/// The options that `word` gives: its name, and with "=" its value.
bool is_called(const OptionSpec& option, std::string_view name) {
  return name == "--" + std::string(option.name) || (option.letter != 0 && name == std::string("-") + option.letter);
}

/// What is typed already and says which Redis is meant. A line that is not finished has mistakes; those are passed
/// over.
SettingMap typed_flags(std::span<const std::string> words) {
  SettingMap flags;
  for (std::size_t at = 0; at < words.size() && words[at] != "--"; ++at) {
    const std::size_t equals = words[at].find('=');
    const std::string name = words[at].substr(0, equals);
    for (const OptionSpec& option : global_options()) {
      if (option.group != "Where" || !is_called(option, name)) continue;
      const bool has_value = equals != std::string::npos;
      if (!has_value && at + 1 == words.size()) continue;
      std::string value = has_value ? words[at].substr(equals + 1) : words[++at];
      if (!value.empty())
        flags[std::string(option.name)] = Setting{{std::move(value)}, {Source::flag, "--" + std::string(option.name)}};
      break;
    }
  }
  return flags;
}

void answer(NamedThing thing, std::span<const std::string> words, bool learn, const CliDependencies& system,
            const std::vector<Component>& components) {
  Session session = open_session(all_options(components), typed_flags(words), system.environment);
  std::ostream nowhere(nullptr);
  const std::unique_ptr<Reporter> silent = make_reporter(Terminal{}, {}, nowhere);
  const ChangeGuard guard(false);
  Context context{system.runner,
                  system.clock,
                  system.random,
                  system.signals,
                  *silent,
                  system.redis,
                  system.environment,
                  std::move(session.paths),
                  std::move(session.settings),
                  std::move(session.preset),
                  system.clock.now() + learn_limit,
                  system.out,
                  Terminal{},
                  guard,
                  Files(guard)};
  for (const Component& component : components) {
    if (component.known_names == nullptr) continue;
    if (learn) {
      component.learn_names(context);
      continue;
    }
    std::vector<std::string> names = component.known_names(context, thing);
    if (thing != NamedThing::context && component.names_are_old(context)) {
      std::vector<std::string> again = {complete_command, learn_word};
      again.insert(again.end(), words.begin(), words.end());
      const UniqueFd run = start_detached(again);
      if (names.empty()) {
        wait_for_end(run, first_answer_limit);
        names = component.known_names(context, thing);
      }
    }
    for (const std::string& name : names) system.out << name << '\n';
  }
}

}  // namespace

std::string plural_of(NamedThing thing) {
  switch (thing) {
    case NamedThing::context:
      return "contexts";
    case NamedThing::name_space:
      return "namespaces";
    case NamedThing::release:
      return "releases";
    case NamedThing::storage_class:
      return "storage-classes";
    case NamedThing::none:
      break;
  }
  return "";
}

int complete(std::span<const std::string> arguments, const CliDependencies& dependencies,
             const std::vector<Component>& components) {
  const bool learn = !arguments.empty() && arguments.front() == learn_word;
  const NamedThing thing = arguments.empty() ? NamedThing::none : thing_called(arguments.front());
  if (!learn && thing == NamedThing::none) return 0;
  if (!learn) end_after(answer_limit);
  try {
    answer(thing, arguments.subspan(1), learn, dependencies, components);
    dependencies.out << std::flush;
  } catch (const std::exception&) {
    // someone is typing: there is no place for an error
  }
  return 0;
}

}  // namespace raibid
