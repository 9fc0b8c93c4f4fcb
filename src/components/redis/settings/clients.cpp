#include "components/redis/settings/clients.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/characters.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/settings/naming.hpp"

namespace raibid {

namespace {

constexpr std::size_t longest_label_part = 63;

/// The name part of a label's key, and its value when it is not empty:
/// kubernetes.io/docs/concepts/overview/working-with-objects/labels
bool is_label_part(std::string_view text) {
  return !text.empty() && text.size() <= longest_label_part && is_alphanumeric(text.front()) &&
         is_alphanumeric(text.back()) && std::all_of(text.begin(), text.end(), [](char c) {
           return is_alphanumeric(c) || c == '-' || c == '_' || c == '.';
         });
}

bool is_label_key(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return is_label_part(text);
  return is_dns_subdomain(text.substr(0, slash)) && is_label_part(text.substr(slash + 1));
}

}  // namespace

Client parse_client(const std::string& text, const std::string& what) {
  const auto refuse = [&](const std::string& why) {
    throw Error(ExitCode::usage, fmt::format("{}: \"{}\" {}", what, printable(text), why),
                "the form is NAMESPACE[/KEY=VALUE[,KEY=VALUE…]], for instance jobs/app=worker");
  };
  Client client;
  const std::size_t slash = text.find('/');
  client.name_space = text.substr(0, slash);
  if (!is_dns_label(client.name_space)) refuse("does not begin with the name of a namespace");
  if (slash == std::string::npos) return client;
  for (const std::string& label : split(std::string_view(text).substr(slash + 1), ',')) {
    const std::size_t equals = label.find('=');
    const std::string key = label.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : label.substr(equals + 1);
    if (equals == std::string::npos || !is_label_key(key)) refuse("has a label without a key that Kubernetes takes");
    if (!value.empty() && !is_label_part(value)) refuse("has a label with a value that Kubernetes does not take");
    const auto same = [&](const auto& other) { return other.first == key; };
    if (std::any_of(client.pod_labels.begin(), client.pod_labels.end(), same)) refuse("names a label twice");
    client.pod_labels.emplace_back(key, value);
  }
  return client;
}

std::string to_string(const Client& client) {
  std::vector<std::string> labels;
  for (const auto& [key, value] : client.pod_labels) labels.push_back(key + "=" + value);
  return labels.empty() ? client.name_space : client.name_space + "/" + join(labels, ",");
}

}  // namespace raibid
