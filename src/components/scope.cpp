#include "components/scope.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/strings.hpp"

namespace raibid {

namespace {

/// In the order in which they are printed.
constexpr const char* scope_options[] = {"target",    "url",      "adopt-service", "existing-secret", "password-file",
                                         "tls-ca",    "tls-cert", "tls-key",       "kubeconfig",      "context",
                                         "namespace", "release",  "preset",        "config"};

/// What says where the target's Redis is, and means nothing for another target.
bool is_of_target(std::string_view option, std::string_view target, bool adopts) {
  if (option == "url" || option == "adopt-service" || option == "password-file" || option.starts_with("tls-"))
    return target == "external";
  if (option == "existing-secret") return target == "external" && adopts;
  if (option == "kubeconfig" || option == "context") return target == "kubernetes" || (target == "external" && adopts);
  return true;
}

std::string spelled(const std::string& option) { return option == "namespace" ? "-n" : "--" + option; }

/// What is meant without the flag.
std::string_view default_of(std::string_view option) {
  if (option == "target") return "kubernetes";
  if (option == "preset") return "raibid";
  if (option == "release" || option == "namespace") return "raibid-redis";
  return "";
}

}  // namespace

Scope::Scope(const Settings& settings) {
  const std::string target = settings.text("target");
  const bool adopts = settings.all().contains("adopt-service") && settings.is_set("adopt-service");
  for (const char* const option : scope_options) {
    if (!settings.all().contains(option)) continue;
    const Origin& origin = settings.origin(option);
    if (origin.source != Source::flag && origin.source != Source::environment && !origin.only_here) continue;
    if (is_of_target(option, target, adopts)) set(option, settings.text(option));
  }
}

void Scope::set(std::string_view name, const std::string& value) {
  std::erase_if(m_flags, [&](const auto& flag) { return flag.first == name; });
  if (!value.empty()) m_flags.emplace_back(name, value);
}

Scope Scope::found(const std::string& target, const std::string& name_space, const std::string& release,
                   const std::string& preset) const {
  Scope scope = *this;
  const std::pair<const char*, const std::string*> names[] = {
      {"target", &target}, {"namespace", &name_space}, {"release", &release}, {"preset", &preset}};
  // with another preset its own names are the defaults, which only a flag overrides for certain
  const bool other_preset = !preset.empty() && preset != default_of("preset");
  const bool has_preset =
      std::any_of(m_flags.begin(), m_flags.end(), [](const auto& one) { return one.first == "preset"; });
  for (const auto& [option, value] : names) {
    if (option == std::string_view("preset") && has_preset) continue;  // it may be a file: its name alone finds nothing
    const bool is_name = option != std::string_view("target") && option != std::string_view("preset");
    scope.set(option, *value == default_of(option) && !(other_preset && is_name) ? "" : *value);
  }
  std::erase_if(scope.m_flags, [&](const auto& flag) { return !is_of_target(flag.first, target, false); });
  return scope;
}

Scope Scope::at(const std::string& url) const {
  Scope scope = *this;
  scope.set("target", "external");
  scope.set("url", url);
  return scope;
}

Scope Scope::adopting(const std::string& service, const std::string& context) const {
  Scope scope = *this;
  scope.set("target", "external");
  scope.set("url", "");
  scope.set("adopt-service", service);
  scope.set("context", context);
  return scope;
}

Scope Scope::on_cluster(const std::string& kubeconfig, const std::string& context, const std::string& name_space,
                        const std::string& release) {
  Scope scope;
  scope.set("kubeconfig", kubeconfig);
  scope.set("context", context);
  scope.set("namespace", name_space);
  scope.set("release", release);
  return scope;
}

std::string Scope::flags() const {
  std::string text;
  for (const char* const option : scope_options) {
    const auto flag =
        std::find_if(m_flags.begin(), m_flags.end(), [&](const auto& one) { return one.first == option; });
    if (flag != m_flags.end()) text += fmt::format(" {} {}", spelled(option), shell_quote(flag->second));
  }
  return text;
}

std::string Scope::command(std::string_view words, std::string_view rest) const {
  return fmt::format("raibid-cli {}{}{}{}", words, flags(), rest.empty() ? "" : " ", rest);
}

}  // namespace raibid
