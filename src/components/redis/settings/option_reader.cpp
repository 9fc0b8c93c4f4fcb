#include "components/redis/settings/option_reader.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/settings/naming.hpp"

namespace raibid {

namespace {

/// Options that mean nothing for a Redis that someone else runs, with the reason.
struct Inapplicable {
  std::string_view option;
  std::string_view why;
};
constexpr std::string_view not_installed_by_us = "nothing is installed: this Redis is there already";
constexpr std::string_view sized_elsewhere = "its memory, CPU and storage are set where it runs";
constexpr std::string_view no_cluster = "no cluster is asked";
constexpr std::string_view tls_elsewhere =
    "whether it speaks TLS is decided where it runs; a URL with rediss:// says so";
constexpr std::array<Inapplicable, 35> inapplicable{{
    {"chart", not_installed_by_us},
    {"chart-version", not_installed_by_us},
    {"image", not_installed_by_us},
    {"exporter-image", not_installed_by_us},
    {"set", not_installed_by_us},
    {"values", not_installed_by_us},
    {"backup-schedule", not_installed_by_us},
    {"backup-to", not_installed_by_us},
    {"backup-keep", not_installed_by_us},
    {"backup-secret", not_installed_by_us},
    {"backup-image", not_installed_by_us},
    {"no-metrics", not_installed_by_us},
    {"monitoring", not_installed_by_us},
    {"adopt", not_installed_by_us},
    {"discard-data", not_installed_by_us},
    {"restart", not_installed_by_us},
    {"role", "a Kubernetes Role gives no rights there"},
    {"size", sized_elsewhere},
    {"storage-class", sized_elsewhere},
    {"no-persistence", sized_elsewhere},
    {"memory-request", sized_elsewhere},
    {"memory-limit", sized_elsewhere},
    {"cpu-request", sized_elsewhere},
    {"cpu-limit", sized_elsewhere},
    {"no-auth", "whether it wants a password is decided where it runs"},
    {"tls", tls_elsewhere},
    {"tls-secret", tls_elsewhere},
    {"tls-issuer", tls_elsewhere},
    {"tls-client-certs", tls_elsewhere},
    {"tls-migrate", tls_elsewhere},
    {"cluster-domain", no_cluster},
    {"allow-from", "who may connect is decided where it runs"},
    {"kubeconfig", no_cluster},
    {"context", no_cluster},
    {"port", "no port of this machine leads to it; its own is in --url"},
}};

}  // namespace

std::string_view why_inapplicable(std::string_view option) {
  const auto found =
      std::find_if(inapplicable.begin(), inapplicable.end(), [&](const auto& one) { return one.option == option; });
  return found == inapplicable.end() ? std::string_view() : found->why;
}

OptionReader::OptionReader(const Settings& settings)
    : m_settings(settings),
      m_external(settings.all().contains("target") && settings.text("target") == "external"),
      m_adopts(m_external && settings.all().contains("adopt-service") && settings.is_set("adopt-service")) {}

bool OptionReader::has(std::string_view name) const {
  if (m_external && !why_inapplicable(name).empty() && !asks_cluster(name)) return false;
  return m_settings.all().contains(name) && m_settings.is_set(name);
}

std::string OptionReader::named(std::string_view name) const { return raibid::named(m_settings, name); }

void OptionReader::refuse_inapplicable() const {
  for (const Inapplicable& one : inapplicable) {
    if (!m_settings.all().contains(one.option) || m_settings.origin(one.option).source != Source::flag) continue;
    if (asks_cluster(one.option)) continue;
    throw Error(ExitCode::usage,
                fmt::format("{} cannot be used with --target external: {}", named(one.option), one.why),
                fmt::format("leave --{} out", one.option));
  }
}

void OptionReader::refuse(std::string_view name, const std::string& why, const std::string& hint) const {
  throw Error(ExitCode::usage, fmt::format("{}: \"{}\" {}", named(name), printable(text(name)), why), hint);
}

void OptionReader::refuse_both(std::string_view one, std::string_view other) const {
  throw Error(ExitCode::usage, fmt::format("{} and {} contradict each other", named(one), named(other)),
              "leave one of them out");
}

}  // namespace raibid
