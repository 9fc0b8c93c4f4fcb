#include "components/redis/commands/export/gitops.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <filesystem>

#include "assets/assets.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/place/place.hpp"
#include "components/redis/settings/helm_input.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/options.hpp"
#include "components/redis/settings/values.hpp"
#include "components/result_format.hpp"
#include "config/yaml.hpp"

namespace raibid {

namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr const char* chart_folder = "charts/redis";

struct Wanted {
  RedisSettings settings;
  RedisNames names;
  ordered_json values;
};

Wanted wanted(Context& context, const char* what) {
  take_recorded(context, false);
  RedisSettings settings = redis_settings(context);
  if (settings.target != Target::kubernetes)
    throw Error(ExitCode::usage, fmt::format("{} is for a cluster", what), "leave --target out");
  if (!settings.sets.empty() || !settings.values_files.empty())
    throw Error(ExitCode::usage, fmt::format("{}: what --set and -f change only helm knows", what),
                "leave them out, and add their values to the file");
  RedisNames names(settings.release, settings.name_space, settings.cluster_domain);
  ordered_json values = helm_values(settings, names, context.settings.flag("service-monitor"));
  return {std::move(settings), std::move(names), std::move(values)};
}

/// What the files leave to whoever uses them.
std::string comment(const Context& context, const Wanted& wanted) {
  std::string text;
  if (wanted.settings.auth) {
    text += fmt::format(
        "# The password is not here: Redis takes it from Secret {} of namespace {}, which has to be there first.\n",
        wanted.names.full, wanted.settings.name_space);
    text += "# This writes it, encrypted: " + context.scope().command("export sealed-secret") + "\n";
  }
  if (wanted.settings.chart.kind == ChartChoice::Kind::embedded) {
    text += fmt::format("# The chart has to be in that repository. This writes it, to ./redis/{}: {}\n", chart_folder,
                        context.scope().command("export kustomize", "./redis"));
  }
  if (!wanted.settings.streams.empty())
    text +=
        "# Streams and groups are no objects of a cluster: the application makes them, or the first job that is "
        "added.\n";
  return text;
}

CommandResult written(const Context& context, const std::vector<ordered_json>& documents, const std::string& comment) {
  std::string text;
  if (context.format() == OutputFormat::json) {
    // kubectl takes a List as it takes several documents
    const ordered_json list = {{"apiVersion", "v1"}, {"kind", "List"}, {"items", documents}};
    return {formatted(documents.size() == 1 ? documents.front() : list, context.format())};
  }
  for (const ordered_json& one : documents) text += (text.empty() ? "" : "---\n") + to_yaml(one);
  return {comment + text};
}

/// "GitRepository/flux-system" or "HelmRepository/NAMESPACE/NAME".
ordered_json source_reference(const std::string& text) {
  const std::vector<std::string> parts = split(text, '/');
  const bool fits = (parts.size() == 2 || parts.size() == 3) &&
                    is_one_of(parts.front(), {"GitRepository", "HelmRepository", "Bucket"}) && !parts.back().empty();
  if (!fits)
    throw Error(ExitCode::usage, fmt::format("--source: {} names no source of Flux", in_quotes(text)),
                "write for instance GitRepository/flux-system, or GitRepository/NAMESPACE/NAME");
  return {{"kind", parts.front()},
          {"name", parts.back()},
          {"namespace", parts.size() == 3 ? parts[1] : std::string("flux-system")}};
}

/// A repository of charts as a source of its own.
ordered_json helm_repository(const Wanted& wanted, const std::string& url) {
  ordered_json spec = {{"interval", "1h"}, {"url", url}};
  if (url.starts_with("oci://")) spec["type"] = "oci";
  return {{"apiVersion", "source.toolkit.fluxcd.io/v1"},
          {"kind", "HelmRepository"},
          {"metadata", {{"name", wanted.settings.release}, {"namespace", wanted.settings.name_space}}},
          {"spec", spec}};
}

/// A chart of a repository as its URL and its name there.
std::pair<std::string, std::string> repository_of(const ChartChoice& chart) {
  if (!chart.repository.empty()) return {chart.repository, chart.reference};
  const std::size_t slash = chart.reference.rfind('/');
  if (!chart.reference.starts_with("oci://") || slash == std::string::npos)
    throw Error(ExitCode::usage, fmt::format("--chart {} is a folder of this machine", printable(chart.reference)),
                "commit it, and leave --chart out: its path there is --chart-path");
  return {chart.reference.substr(0, slash), chart.reference.substr(slash + 1)};
}

/// Argo CD's paths begin at the repository's root.
std::string without_dot(const std::string& path) { return path.starts_with("./") ? path.substr(2) : path; }

CommandResult export_helm_release(Context& context, const std::vector<std::string>&) {
  const Wanted it = wanted(context, "export helm-release");
  std::vector<ordered_json> documents;
  ordered_json chart;
  if (it.settings.chart.kind == ChartChoice::Kind::embedded) {
    chart = {{"chart", context.settings.text("chart-path")},
             {"reconcileStrategy", "Revision"},
             {"sourceRef", source_reference(context.settings.text("source"))}};
  } else {
    const auto [url, name] = repository_of(it.settings.chart);
    documents.push_back(helm_repository(it, url));
    chart = {{"chart", name},
             {"sourceRef",
              {{"kind", "HelmRepository"}, {"name", it.settings.release}, {"namespace", it.settings.name_space}}}};
    if (!it.settings.chart.version.empty()) chart["version"] = it.settings.chart.version;
  }
  documents.push_back({{"apiVersion", "helm.toolkit.fluxcd.io/v2"},
                       {"kind", "HelmRelease"},
                       {"metadata", {{"name", it.settings.release}, {"namespace", it.settings.name_space}}},
                       {"spec",
                        {{"interval", "10m"},
                         {"releaseName", it.settings.release},
                         {"chart", {{"spec", chart}}},
                         {"install", {{"remediation", {{"retries", 3}}}}},
                         {"upgrade", {{"remediation", {{"retries", 3}}}}},
                         {"values", it.values}}}});
  return written(context, documents, comment(context, it));
}

CommandResult export_argocd_application(Context& context, const std::vector<std::string>&) {
  const Wanted it = wanted(context, "export argocd-application");
  ordered_json source;
  if (it.settings.chart.kind == ChartChoice::Kind::embedded) {
    if (!context.settings.is_set("repo"))
      throw Error(
          ExitCode::usage, "export argocd-application: which Git repository has the chart?",
          "name it with --repo URL; this writes the chart: " + context.scope().command("export kustomize", "./redis"));
    source = {{"repoURL", context.settings.text("repo")},
              {"targetRevision", context.settings.text("git-revision")},
              {"path", without_dot(context.settings.text("chart-path"))}};
  } else {
    auto [url, name] = repository_of(it.settings.chart);
    if (url.starts_with("oci://")) url.erase(0, std::string("oci://").size());  // as Argo CD writes them
    source = {{"repoURL", url},
              {"chart", name},
              {"targetRevision", it.settings.chart.version.empty() ? std::string("*") : it.settings.chart.version}};
  }
  source["helm"] = {{"releaseName", it.settings.release}, {"valuesObject", it.values}};
  const ordered_json application = {
      {"apiVersion", "argoproj.io/v1alpha1"},
      {"kind", "Application"},
      {"metadata", {{"name", it.settings.release}, {"namespace", "argocd"}}},
      {"spec",
       {{"project", "default"},
        {"source", source},
        {"destination", {{"server", "https://kubernetes.default.svc"}, {"namespace", it.settings.name_space}}},
        {"syncPolicy", {{"syncOptions", {"CreateNamespace=true"}}}}}}};
  return written(context, {application}, comment(context, it));
}

CommandResult export_kustomize(Context& context, const std::vector<std::string>& words) {
  const Wanted it = wanted(context, "export kustomize");
  if (words.size() != 1)
    throw Error(ExitCode::usage, "export kustomize: into which folder?", "name one that is not there yet: ./redis");
  if (it.settings.chart.kind != ChartChoice::Kind::embedded)
    throw Error(ExitCode::usage, "export kustomize writes the chart of this program", "leave --chart out");
  const fs::path folder = words.front();
  const std::string shown = printable(folder.string());
  std::error_code ignored;
  if (fs::exists(folder, ignored) && !fs::is_empty(folder, ignored))
    throw Error(ExitCode::usage, fmt::format("{} is not empty, and nothing in it is overwritten", shown),
                "name another folder");
  const ordered_json name_space = {
      {"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", it.settings.name_space}}}};
  const ordered_json kustomization = {{"apiVersion", "kustomize.config.k8s.io/v1beta1"},
                                      {"kind", "Kustomization"},
                                      {"resources", {"namespace.yaml"}},
                                      {"helmGlobals", {{"chartHome", "./charts"}}},
                                      {"helmCharts",
                                       {{{"name", "redis"},
                                         {"releaseName", it.settings.release},
                                         {"namespace", it.settings.name_space},
                                         {"valuesFile", "values.yaml"}}}}};
  const std::string note =
      it.settings.auth
          ? fmt::format("# The password is not here: Redis takes it from Secret {}, which has to be there first.\n",
                        it.names.full)
          : "";
  const std::vector<std::pair<const char*, std::string>> files = {{"kustomization.yaml", note + to_yaml(kustomization)},
                                                                  {"namespace.yaml", to_yaml(name_space)},
                                                                  {"values.yaml", to_yaml(it.values)}};
  if (context.guard.dry_run()) {
    std::string text;
    for (const auto& [name, content] : files) text += fmt::format("{}/{}\n", shown, name);
    return told(text + fmt::format("{}/{}\nNothing was changed (--dry-run).\n", shown, chart_folder));
  }
  context.files.make_private_directory(folder);
  for (const auto& [name, content] : files) context.files.write_atomic(folder / name, content);
  unpack_assets(chart_folder, folder / chart_folder);
  return told(fmt::format("{} is written. Look at it: kubectl kustomize --enable-helm {}\n", shown,
                          shell_quote(folder.string())));
}

std::vector<OptionSpec> with_options(std::vector<OptionSpec> own) {
  std::vector<OptionSpec> options = redis_options();
  own.push_back({.name = "service-monitor",
                 .help = "With a ServiceMonitor, which setup adds where the cluster knows the kind",
                 .kind = OptionKind::flag,
                 .flag_only = true});
  for (OptionSpec& option : own) options.push_back(option);
  return options;
}

OptionSpec chart_path() {
  return {.name = "chart-path",
          .help = "Where the chart is in the Git repository",
          .metavar = "PATH",
          .default_value = "./charts/redis",
          .flag_only = true};
}

}  // namespace

std::vector<ComponentCommand> gitops_exports() {
  const auto row = [](std::string_view what, std::string_view summary, std::vector<OptionSpec> options, auto run,
                      std::string_view arguments = {}) {
    return ComponentCommand{"export", summary, std::move(options), run, arguments, what, nullptr};
  };
  return {
      row("helm-release", "What setup would make as a HelmRelease of Flux",
          with_options({{.name = "source",
                         .help = "The source of Flux that has the chart: KIND/NAME or KIND/NAMESPACE/NAME",
                         .metavar = "SOURCE",
                         .default_value = "GitRepository/flux-system",
                         .flag_only = true},
                        chart_path()}),
          export_helm_release),
      row("argocd-application", "What setup would make as an Application of Argo CD",
          with_options(
              {{.name = "repo", .help = "The Git repository that has the chart", .metavar = "URL", .flag_only = true},
               {.name = "git-revision",
                .help = "Branch, tag or commit of it",
                .metavar = "REVISION",
                .default_value = "HEAD",
                .flag_only = true},
               chart_path()}),
          export_argocd_application),
      row("kustomize", "What setup would make as a folder for kustomize, with the chart", with_options({}),
          export_kustomize, "FOLDER")};
}

}  // namespace raibid
