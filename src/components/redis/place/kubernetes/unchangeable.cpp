#include "components/redis/place/kubernetes/unchangeable.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/redis/settings/spec.hpp"
#include "components/scope.hpp"

namespace raibid {

namespace {

constexpr const char* embedded_chart_name = "embedded";

[[noreturn]] void cannot_change(const std::string& message, const std::string& hint) {
  throw Error(ExitCode::preflight, message, hint);
}

/// `options` are those that make the difference.
std::string set_up_again(const RedisSettings& settings, const std::string& options) {
  const Scope scope = Scope().found("kubernetes", settings.name_space, settings.release, "");
  return fmt::format("keep it as it is, or remove it (the data is kept) and set it up again: {} && {}",
                     scope.command("teardown redis"), scope.command("setup redis", options));
}

// The charts differ in what a StatefulSet cannot change: pod management and the labels of its claims.
void refuse_other_chart(const std::string& present, const RedisSettings& settings) {
  if (present.empty() || (present == embedded_chart_name) == (settings.chart.kind == ChartChoice::Kind::embedded))
    return;
  const std::string chart = settings.chart.kind == ChartChoice::Kind::embedded  ? embedded_chart_name
                            : settings.chart.kind == ChartChoice::Kind::bitnami ? "bitnami"
                                                                                : settings.chart.reference;
  cannot_change(
      fmt::format("release {} was made with the chart {}, and a StatefulSet cannot change to another chart's in place",
                  settings.release, present),
      set_up_again(settings, "--chart " + shell_quote(chart)));
}

void refuse_other_persistence(const Release::Workload& workload, const RedisSettings& settings) {
  const bool persists = !workload.claim_size.empty();
  if (persists == settings.persistence) return;
  cannot_change(fmt::format("release {} keeps its data {}, and a StatefulSet cannot change that in place",
                            settings.release, persists ? "in a claim" : "in memory alone"),
                set_up_again(settings, settings.persistence ? "--no-persistence=false" : "--no-persistence"));
}

void refuse_other_class(const Release::Claim& claim, const RedisSettings& settings, const RedisNames& names) {
  const std::string wanted = settings.storage_class == "-" ? "" : settings.storage_class;
  if (settings.storage_class.empty() || wanted == claim.storage_class) return;
  cannot_change(fmt::format("claim {} has StorageClass {}, and no claim can change to {}", names.claim,
                            claim.storage_class, settings.storage_class),
                fmt::format("leave --storage-class out to keep it, or remove it with its data and set it up again: {}",
                            Scope()
                                .found("kubernetes", settings.name_space, settings.release, "")
                                .command("teardown redis", "--delete-data")));
}

// More room that does not come would end in a full disk: it is no warning.
void refuse_growing(const Observed& observed, const RedisSettings& settings, const RedisNames& names,
                    const Kubectl& kubectl) {
  if (!claim_is_to_grow(observed, settings)) return;
  const std::string& storage_class = observed.claim()->storage_class;
  if (!observed.storage_classes_known) return;  // the server refuses it
  const auto& expandable = observed.expandable_classes;
  if (std::find(expandable.begin(), expandable.end(), storage_class) != expandable.end()) return;
  cannot_change(
      fmt::format("claim {} has {} and cannot grow to {}: StorageClass {} does not allow it (allowVolumeExpansion)",
                  names.claim, observed.claim()->requested, settings.size,
                  storage_class.empty() ? "\"\"" : storage_class),
      fmt::format(
          "--size {} keeps it; if its provisioner can do it: {}", observed.claim()->requested,
          kubectl.for_people({"patch", "storageclass", storage_class, "-p", "{\"allowVolumeExpansion\":true}"})));
}

/// Which node has the newest data is what the pods of several nodes know; a single one knows nothing of others.
void refuse_other_topology(const Observed& observed, const RedisSettings& settings, const RedisNames& names,
                           const Kubectl& kubectl) {
  const int present = observed.nodes();
  const std::string as_it_was = Scope()
                                    .found("kubernetes", settings.name_space, settings.release, "")
                                    .command("setup redis", fmt::format("--ha --replicas {}", present - 1));
  for (int node = present; observed.workload && node < settings.nodes(); ++node) {
    if (!observed.claim(node)) continue;
    cannot_change(fmt::format("claim {} is left of an earlier Redis, and would be taken for a node of this one",
                              names.claim_of(node)),
                  "remove it when nobody needs its data: " +
                      kubectl.for_people({"delete", "persistentvolumeclaim", names.claim_of(node)}));
  }
  if (observed.workload && present == 1 && settings.ha() && observed.claim() && observed.claim()->has_everything) {
    cannot_change(
        "a setup that made one node of what a teardown kept of several was interrupted, and node 0 may still "
        "remember another master",
        "end that first: " + Scope()
                                 .found("kubernetes", settings.name_space, settings.release, "")
                                 .command("setup redis", "--ha=false"));
  }
  if (observed.workload || !observed.claim()) return;
  const bool by_first = !settings.ha() && observed.claim()->has_everything;
  if (present > 1 && present != settings.nodes() && !by_first) {
    cannot_change(
        fmt::format("the data that a teardown kept is that of {} nodes, and the newest may be in any of them", present),
        "set it up as it was: " + as_it_was);
  }
  // without a record it is what an interrupted setup left
  const bool was_alone = present == 1 && !observed.claim()->spec.empty();
  if (was_alone && settings.ha() && observed.claim(1)) {
    cannot_change(fmt::format("claim {} is left of an earlier Redis, and would be taken for a node of this one",
                              names.claim_of(1)),
                  "remove it when nobody needs its data, or choose another name with --release");
  }
}

std::string tls_options(const TlsChoice& tls) {
  std::string options = tls.from == TlsChoice::From::secret ? "--tls-secret " + tls.secret
                        : tls.enabled()                     ? "--tls"
                                                            : "--tls=false";
  return options + (tls.client_certificates ? " --tls-client-certs" : tls.enabled() ? " --tls-client-certs=false" : "");
}

/// Each of these changes has its own way back.
void refuse_two_changes_of_nodes(const Observed& observed, const RedisSettings& settings) {
  if (!observed.workload || observed.workload->spec.empty() || observed.nodes() == settings.nodes()) return;
  const Spec before = parse_spec(observed.workload->spec);
  const bool other_tls = before.tls != settings.tls;
  if (!other_tls && before.auth == settings.auth) return;
  const std::string nodes_wanted = settings.ha() ? fmt::format("--ha --replicas {}", settings.replicas) : "--ha=false";
  const std::string as_it_is = tls_options(before.tls) + (before.auth ? " --no-auth=false" : " --no-auth");
  const Scope scope = Scope().found("kubernetes", settings.name_space, settings.release, "");
  cannot_change(fmt::format("another number of nodes, and {}, are two changes",
                            other_tls ? "another way to speak TLS" : "a Redis with a password or without"),
                before.tls.from == TlsChoice::From::issuer
                    ? "do one after the other, TLS first: " +
                          scope.command("setup redis", "--ha=false " + tls_options(settings.tls))
                    : fmt::format("do one after the other; with {} as it is: {}", other_tls ? "TLS" : "the password",
                                  scope.command("setup redis", nodes_wanted + " " + as_it_is)));
}

void refuse_taken_names(const Observed& observed, const RedisSettings& settings, const RedisNames& names) {
  for (const Release::Service& service : observed.services) {
    if (service.name == names.workload || service.release == settings.release) continue;
    cannot_change(
        fmt::format(
            "Service {} in namespace {} does not belong to release {}, and preset {} needs the name for this Redis",
            service.name, settings.name_space, settings.release, settings.preset),
        "remove it from where it is made (the application's own manifests?), or leave it out of services: in a "
        "preset of your own");
  }
}

}  // namespace

bool claim_is_to_grow(const Observed& observed, const RedisSettings& settings) {
  if (!settings.persistence || !observed.claim() || observed.claim()->requested.empty()) return false;
  return parse_bytes(settings.size, "--size") > parse_bytes(observed.claim()->requested, "the claim's size");
}

std::string about_shrinking(const Observed& observed, const RedisSettings& settings) {
  if (!settings.persistence || !observed.claim() || observed.claim()->requested.empty()) return "";
  const std::string& present = observed.claim()->requested;
  if (parse_bytes(settings.size, "--size") >= parse_bytes(present, "the claim's size")) return "";
  return fmt::format("the claim has {} and keeps it, though {} were asked for: no claim can shrink", present,
                     settings.size);
}

RedisSettings as_installed(const RedisSettings& settings, const Observed& observed) {
  RedisSettings kept = settings;
  if (!observed.workload) return kept;
  if (settings.image_of_preset && !observed.workload->spec.empty()) {
    const std::string image = parse_spec(observed.workload->spec).image;
    kept.image.reset();
    if (!image.empty()) kept.image = parse_image(image, "the release's image");
  }
  const auto component = kept.pod_labels.find("app.kubernetes.io/component");
  if (component != kept.pod_labels.end() && !observed.workload->component.empty())
    component->second = observed.workload->component;
  return kept;
}

void refuse_unchangeable(const Observed& observed, const RedisSettings& settings, const RedisNames& names,
                         const Kubectl& kubectl) {
  refuse_taken_names(observed, settings, names);
  refuse_other_topology(observed, settings, names, kubectl);
  refuse_two_changes_of_nodes(observed, settings);
  if (observed.workload) {
    refuse_other_chart(parse_spec(observed.workload->spec).chart, settings);
    refuse_other_persistence(*observed.workload, settings);
  }
  if (!settings.persistence || !observed.claim()) return;
  refuse_other_class(*observed.claim(), settings, names);
  refuse_growing(observed, settings, names, kubectl);
}

}  // namespace raibid
