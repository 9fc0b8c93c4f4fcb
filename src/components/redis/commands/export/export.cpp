#include "components/redis/commands/export/export.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/commands/export/compose.hpp"
#include "components/redis/commands/export/gitops.hpp"
#include "components/redis/commands/export/handover_view.hpp"
#include "components/redis/commands/export/keda.hpp"
#include "components/redis/commands/export/manifests.hpp"
#include "components/redis/commands/export/monitoring.hpp"
#include "components/redis/commands/export/tls_files.hpp"
#include "components/redis/place/place.hpp"
#include "components/redis/place/sentinels.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/server/certificates.hpp"
#include "components/redis/server/server_facts.hpp"
#include "components/redis/settings/advice.hpp"
#include "components/redis/settings/options.hpp"
#include "components/redis/settings/values.hpp"
#include "config/yaml.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;

std::string option(const Context& context, const char* name) { return context.settings.text(name); }

/// An installation as its application sees it.
struct View {
  RedisSettings settings;
  InstalledRedis installed;
  Handover handover;
  std::vector<Variable> files;

  bool tls() const { return installed.tls.has_value(); }
  /// The CA that clients have to be told of; "" where they know it.
  std::string ca() const { return tls() ? installed.tls->ca : ""; }
  bool shows_certificates() const { return tls() && !installed.tls->certificate.empty(); }
};

/// The application's own certificate, where clients have to show one, as `export client-certificate` makes it.
std::string client_secret_name(const Handover& handover) { return handover.name + "-client"; }
std::string ca_configmap_name(const Handover& handover) { return handover.name + "-ca"; }

void mention_client_certificate(const Context& context, const View& view) {
  if (!view.shows_certificates()) return;
  context.reporter.note(fmt::format(
      "this Redis asks its clients for a certificate; one for the application: {}",
      context.scope().command("export client-certificate", shell_quote(client_secret_name(view.handover)))));
}

View look(Context& context) {
  mention_unfinished(context);
  OpenedPlace opened = open_recorded(context, NeedsPreset::yes);
  View view{std::move(opened.settings), opened.place->installed(), {}, {}};
  view.handover.name_space = chosen_namespace(view.settings, option(context, "app-namespace"));
  const std::string name = option(context, "name");
  view.handover.name = name.empty() ? view.settings.release + "-env" : name;
  if (!is_dns_subdomain(view.handover.name)) {
    throw Error(ExitCode::usage,
                fmt::format("--name: {} is not a valid name of a Kubernetes object", in_quotes(view.handover.name)),
                "names are lower-case letters, digits, - and .");
  }
  InstalledRedis seen = view.installed;
  std::string service = seen.host;
  if (view.settings.target == Target::kubernetes) {
    const ExpectedHost expected = expected_host(view.settings, view.handover.name_space);
    seen.host = expected.host;
    service = expected.short_name;
  }
  view.handover.variables = application_variables(context.preset, view.settings, seen, service);
  view.files = application_files(context.preset, view.settings, seen, service);
  if (view.handover.variables.empty()) {
    throw Error(ExitCode::usage, fmt::format("preset {} has no environment to export", context.preset.name),
                "add one to it, for instance environment: {REDIS_URL: \"{{url}}\"}");
  }
  return view;
}

CommandResult document(const Context& context, const ordered_json& value, const std::string& comment = "") {
  if (context.format() == OutputFormat::json) return {json_text(value, 2) + "\n"};
  return {comment + to_yaml(value)};
}

CommandResult export_env(Context& context, const std::vector<std::string>&) {
  View view = look(context);
  if (context.settings.flag("sentinel")) {
    if (!view.installed.record.ha())
      throw Error(ExitCode::usage, fmt::format("{} has one node and no sentinels", view.settings.release),
                  "leave --sentinel out");
    const std::vector<Variable> sentinels =
        sentinel_variables(sentinel_addresses(context, view.settings), view.installed.password);
    view.handover.variables.insert(view.handover.variables.end(), sentinels.begin(), sentinels.end());
  }
  const bool with_password = context.settings.flag("with-password");
  const std::string format = option(context, "format");
  const auto line = format == "docker" ? docker_line : format == "dotenv" ? dotenv_line : shell_line;
  std::string text;
  if (const std::string file = keep_ca_file(context, view.installed); !file.empty()) {
    const std::vector<Variable> trust = trust_variables(file);
    view.handover.variables.insert(view.handover.variables.end(), trust.begin(), trust.end());
    text +=
        "# SSL_CERT_FILE takes the place of the system's CAs; for an application that speaks TLS to others as well, "
        "add\n"
        "# its certificates to them instead\n";
  }
  mention_client_certificate(context, view);
  std::vector<std::string> left_out;
  ordered_json object = ordered_json::object();
  for (const Variable& variable : view.handover.variables) {
    if (variable.secret && !variable.value.empty() && !with_password) {
      text += fmt::format("# {} holds the password: --with-password adds it\n", variable.name);
      left_out.push_back(variable.name);
    } else {
      text += line(variable);
      object[variable.name] = variable.value.reveal();
    }
  }
  if (!left_out.empty())
    context.reporter.note(
        fmt::format("omitted (they contain the password): {}; add --with-password", join(left_out, ", ")));
  if (context.format() == OutputFormat::table) return {text};
  return document(context, object);
}

CommandResult export_secret(Context& context, const std::vector<std::string>&) {
  View view = look(context);
  if (view.installed.password.empty())
    context.reporter.note("this Redis has no password: the Secret is still written, for pods that mount it");
  view.handover.variables.insert(view.handover.variables.end(), view.files.begin(), view.files.end());
  return document(context, secret_manifest(view.handover, context.preset.name));
}

/// Several objects: as YAML one document after the other, as JSON one List.
CommandResult documents(const Context& context, const std::vector<ordered_json>& objects, const std::string& comment) {
  if (objects.size() == 1) return document(context, objects.front(), comment);
  if (context.format() == OutputFormat::json) {
    ordered_json items = ordered_json::array();
    for (const ordered_json& object : objects) items.push_back(object);
    return document(context, {{"apiVersion", "v1"}, {"kind", "List"}, {"items", items}});
  }
  std::string text = comment;
  for (const ordered_json& object : objects) text += (&object == &objects.front() ? "" : "---\n") + to_yaml(object);
  return {text};
}

CommandResult export_configmap(Context& context, const std::vector<std::string>&) {
  const View view = look(context);
  mention_client_certificate(context, view);
  std::vector<ordered_json> objects = {configmap_manifest(view.handover, context.preset.name)};
  std::string comment;
  if (!view.ca().empty()) {
    const std::string name = ca_configmap_name(view.handover);
    objects.push_back(ca_manifest(view.handover, name, view.ca(), context.preset.name));
    comment = fmt::format(
        "# Redis speaks TLS with a CA of its own. Mount ConfigMap {0} at {1}, and set in the container:\n"
        "#   SSL_CERT_FILE (Go, Python) or NODE_EXTRA_CA_CERTS (Node): {1}/{2}\n",
        name, mounted_ca_folder, ca_file_name);
  }
  return documents(context, objects, comment);
}

/// A Secret (kubernetes.io/tls) with a certificate for one application, its key, and the CA.
CommandResult export_client_certificate(Context& context, const std::vector<std::string>& words) {
  if (words.size() > 1)
    throw Error(ExitCode::usage, "export client-certificate: one name is enough", "leave the others out");
  mention_unfinished(context);
  const OpenedPlace opened = open_recorded(context, NeedsPreset::no);
  const std::unique_ptr<Installer> installer = open_installer(context, opened.settings);
  const SecretContent content = installer->certificates();
  Handover handover;
  handover.name_space = chosen_namespace(opened.settings, option(context, "app-namespace"));
  handover.name = opened.settings.release + "-env";
  handover.name = words.empty() ? client_secret_name(handover) : words.front();
  if (!is_dns_subdomain(handover.name))
    throw Error(ExitCode::usage, fmt::format("{} is not a valid name of a Kubernetes object", in_quotes(handover.name)),
                "names are lower-case letters, digits, - and .");
  const KeyPair pair =
      issue_client_certificate(content, handover.name, static_cast<int>(context.settings.integer("days")),
                               installer->certificate_spec(), context.clock.wall());
  return document(context, client_certificate_manifest(handover, pair, value_of(content, tls_trusted_key).reveal(),
                                                       opened.settings.preset));
}

std::vector<Queue> chosen_queues(const Context& context, const RedisSettings& settings) {
  std::vector<Queue> queues;
  for (const std::string& list : context.settings.list("list")) queues.push_back({"", "", list, false});
  if (queues.empty()) queues = queues_of(settings);
  if (!queues.empty()) return queues;
  throw Error(ExitCode::usage,
              fmt::format("preset {} has no queue whose length KEDA could look at", context.preset.name),
              "name one: --list KEY, or --stream NAME --group NAME");
}

// The release's own Secret where the application can read it: it is the one that a changed password changes.
void choose_secret(const Context& context, const View& view, KedaInput& input) {
  if (view.installed.password.empty()) return;
  if (view.settings.target == Target::kubernetes && view.handover.name_space == view.settings.name_space) {
    input.secret_name = RedisNames(view.settings.release, view.settings.name_space, view.settings.cluster_domain).full;
    input.secret_key = "redis-password";
    return;
  }
  input.secret_name = view.handover.name;
  input.secret_key = password_variable(context.preset);
  if (input.secret_key.empty()) {
    throw Error(
        ExitCode::usage,
        fmt::format("preset {} has no variable that is the password alone, and KEDA needs one", context.preset.name),
        "add one to its environment: REDIS_PASSWORD: \"{{password}}\"");
  }
  context.reporter.note(fmt::format("KEDA reads the password from Secret {}; {} makes it", input.secret_name,
                                    context.scope().command("export secret")));
}

/// KEDA goes by the lag, which an older Redis forgets. One that cannot be reached from here is not waited for.
void warn_of_forgotten_lags(Context& context, const View& view, const std::vector<Queue>& queues) {
  constexpr Duration patience = std::chrono::seconds(2);
  if (std::none_of(queues.begin(), queues.end(), [](const Queue& queue) { return queue.list.empty(); })) return;
  try {
    const auto place = open_place(context, view.settings);
    const TimePoint until = std::min(question_deadline(context), context.runner.now() + patience);
    const SeenRedis seen{read_server_facts(*place->administer(until)).version};
    const auto advice = find_advice("lag-unknown", view.settings, seen);
    if (!advice || !advice->accepted.empty()) return;
    context.reporter.warning(fmt::format("{}: {}; better: {}. After a restart or a failover: {}", advice->name,
                                         advice->reason, advice->better, context.scope().command("queue repair-lag")));
  } catch (const Error&) {
  }
}

CommandResult export_keda(Context& context, const std::vector<std::string>&) {
  const View view = look(context);
  KedaInput input;
  input.address = fmt::format("{}:{}", view.installed.host, view.installed.port);
  input.username = view.installed.username;
  input.database = view.installed.database;
  input.queues = chosen_queues(context, view.settings);
  input.image = option(context, "worker-image");
  if (input.image.empty()) input.image = context.preset.name + "-worker:latest";
  input.lists_of_the_user = !context.settings.list("list").empty();
  choose_secret(context, view, input);
  if (view.settings.target == Target::local)
    context.reporter.warning(fmt::format("KEDA runs in a cluster and cannot reach {} on this machine", input.address));
  const bool keda_may = view.settings.target != Target::kubernetes || view.settings.clients.empty() ||
                        std::any_of(view.settings.clients.begin(), view.settings.clients.end(),
                                    [](const Client& c) { return c.name_space == "keda"; });
  if (!keda_may)
    context.reporter.note(
        "the NetworkPolicy does not let KEDA's operator in: setup with --allow-from for its namespace (keda) beside "
        "the others");
  input.tls = view.tls();
  if (!view.ca().empty()) input.ca_configmap = ca_configmap_name(view.handover);
  if (view.shows_certificates()) input.client_secret = client_secret_name(view.handover);
  if (!input.ca_configmap.empty())
    context.reporter.note(fmt::format("KEDA and the worker read the CA from ConfigMap {}; {} makes it",
                                      input.ca_configmap, context.scope().command("export configmap")));
  mention_client_certificate(context, view);
  warn_of_forgotten_lags(context, view, input.queues);
  const std::string text = keda_manifests(view.handover, context.preset.name, input);
  if (context.format() != OutputFormat::json) {
    const std::string name = keda_job_name(context.preset.name);
    return {fmt::format(
                "# KEDA 2.17 or newer (2.16 refuses activationLagCount \"0\"). Pausing the queue does not pause KEDA:\n"
                "#   kubectl annotate -n {0} scaledjob/{1} autoscaling.keda.sh/paused=true\n"
                "#   kubectl annotate -n {0} scaledjob/{1} autoscaling.keda.sh/paused-\n",
                view.handover.name_space, name) +
            text};
  }
  ordered_json items = ordered_json::array();
  for (std::size_t at = 0, end = 0; end != std::string::npos; at = end + 4) {
    end = text.find("---\n", at);
    items.push_back(parse_yaml(text.substr(at, end == std::string::npos ? end : end - at), "keda"));
  }
  return document(context, {{"apiVersion", "v1"}, {"kind", "List"}, {"items", items}});
}

/// For a server of ours alone.
void need_a_server(const Context& context, const char* what) {
  if (redis_settings(context).target != Target::external) return;
  throw Error(ExitCode::usage,
              fmt::format("{} cannot be used with --target external: nothing is installed there", what),
              "for the application's variables: " + context.scope().command("export env"));
}

/// Asks no cluster: what setup would do with these options, as far as this machine knows what it was told before.
RedisSettings settings_for_files(Context& context) {
  take_recorded(context, false);
  return redis_settings(context);
}

CommandResult export_compose(Context& context, const std::vector<std::string>&) {
  need_a_server(context, "export compose");
  const RedisSettings settings = settings_for_files(context);
  if (settings.tls.enabled())
    context.reporter.note("the Redis of this file speaks no TLS: it is for this machine alone");
  const ordered_json file = compose_file(context.preset, settings);
  std::string comment =
      fmt::format("# {}: {}\n", printable(context.preset.name), printable(context.preset.description));
  if (settings.auth) {
    const std::string variable = compose_password_variable(context.preset);
    comment += fmt::format(
        "# The password is {0} in the environment or in .env beside this file, of letters and digits:\n"
        "#   (umask 077; printf '{0}=%s\\n' \"$(openssl rand -hex 16)\" >> .env)\n",
        variable);
    if (!settings.user.name.empty())
      comment += fmt::format(
          "# and {0} that of the user admin, who may do everything (redis-cli --user admin):\n"
          "#   (umask 077; printf '{0}=%s\\n' \"$(openssl rand -hex 16)\" >> .env)\n",
          compose_admin_variable);
  } else {
    comment += "# No password, as the preset says: the port is this machine's alone.\n";
  }
  comment += "# Your own services take `environment: *redis-environment`. Docker Compose 2.23.1 or newer.\n";
  CommandResult result = document(context, file, comment);
  if (context.format() == OutputFormat::json) return result;
  const std::string key = "\nx-redis-environment:";
  const std::size_t at = result.output.find(key + "\n");
  if (at != std::string::npos) result.output.insert(at + key.size(), " &redis-environment");
  return result;
}

CommandResult export_values(Context& context, const std::vector<std::string>&) {
  need_a_server(context, "export values");
  const RedisSettings settings = settings_for_files(context);
  const std::string comment = fmt::format(
      "# values for the chart {}, without a secret: setup makes Secret {} beforehand\n", option(context, "chart"),
      RedisNames(settings.release, settings.name_space, settings.cluster_domain).full);
  return document(context,
                  helm_values(settings, RedisNames(settings.release, settings.name_space, settings.cluster_domain),
                              context.settings.flag("service-monitor")),
                  settings.auth ? comment : "");
}

std::vector<OptionSpec> handover_options() {
  return {
      {.name = "app-namespace",
       .help = "Namespace of the application; the first client's, else Redis' own, when not given",
       .metavar = "NAME",
       .flag_only = true},
      {.name = "name",
       .help = "Name of ConfigMap and Secret; <release>-env when not given",
       .metavar = "NAME",
       .flag_only = true},
  };
}

std::vector<OptionSpec> env_options() {
  std::vector<OptionSpec> options = {
      {.name = "format",
       .help = "How it is written",
       .kind = OptionKind::choice,
       .metavar = "FORMAT",
       .default_value = "shell",
       .choices = {"shell", "dotenv", "docker"},
       .flag_only = true},
      {.name = "with-password",
       .help = "Also the variables that hold the password",
       .kind = OptionKind::flag,
       .flag_only = true},
      {.name = "sentinel",
       .help = "Also what clients that ask Sentinel for the master need (--ha)",
       .kind = OptionKind::flag,
       .flag_only = true},
  };
  options.push_back(handover_options().front());
  return options;
}

std::vector<OptionSpec> keda_options() {
  std::vector<OptionSpec> options = handover_options();
  options.push_back({.name = "worker-image",
                     .help = "Image of the worker; <preset>-worker:latest when not given",
                     .metavar = "IMAGE",
                     .flag_only = true});
  options.push_back({.name = "list",
                     .help = "Key of a list to scale on instead of the preset's queues",
                     .kind = OptionKind::list,
                     .metavar = "KEY",
                     .flag_only = true});
  for (const OptionSpec& own : redis_options()) {
    if (own.name == "stream" || own.name == "group") options.push_back(own);
  }
  return options;
}

std::vector<OptionSpec> client_certificate_options() {
  return {handover_options().front(),
          {.name = "days",
           .help = "How long it is valid; never longer than the CA",
           .kind = OptionKind::integer,
           .metavar = "DAYS",
           .default_value = "365",
           .flag_only = true}};
}

std::vector<OptionSpec> values_options() {
  std::vector<OptionSpec> options = redis_options();
  options.push_back({.name = "service-monitor",
                     .help = "With a ServiceMonitor, which setup adds where the cluster knows the kind",
                     .kind = OptionKind::flag,
                     .flag_only = true});
  return options;
}

}  // namespace

HandoverView look_at_handover(Context& context) {
  View view = look(context);
  InstalledRedis seen = view.installed;
  std::string service = seen.host;
  if (view.settings.target == Target::kubernetes) {
    const ExpectedHost expected = expected_host(view.settings, view.handover.name_space);
    seen.host = expected.host;
    service = expected.short_name;
  }
  return {std::move(view.settings), std::move(seen), std::move(service), std::move(view.handover)};
}

std::vector<OptionSpec> handover_option_rows() { return handover_options(); }

std::vector<ComponentCommand> export_commands() {
  const auto row = [](std::string_view what, std::string_view summary, std::vector<OptionSpec> options, auto run) {
    return ComponentCommand{"export", summary, std::move(options), run, {}, what, nullptr};
  };
  ComponentCommand client_certificate =
      row("client-certificate", "A certificate for an application, where Redis asks clients for one, as a Secret",
          client_certificate_options(), export_client_certificate);
  client_certificate.arguments = "[NAME]";
  std::vector<ComponentCommand> commands = {
      client_certificate,
      row("env", "The application's variables: for a shell, as .env, or for docker", env_options(), export_env),
      row("secret", "Those with the password as a Secret of the application's namespace", handover_options(),
          export_secret),
      row("configmap", "The others as a ConfigMap of the application's namespace", handover_options(),
          export_configmap),
      row("keda", "A ScaledJob for each waiting job, with TriggerAuthentication", keda_options(), export_keda),
      row("compose", "The same Redis as a file for docker compose", redis_options(), export_compose),
      row("values", "What setup hands to helm", values_options(), export_values),
  };
  for (ComponentCommand& command : monitoring_exports()) commands.push_back(std::move(command));
  for (ComponentCommand& command : gitops_exports()) commands.push_back(std::move(command));
  return commands;
}

}  // namespace raibid
