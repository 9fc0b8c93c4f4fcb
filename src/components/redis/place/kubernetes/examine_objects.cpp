#include "components/redis/place/kubernetes/examine_objects.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/cron.hpp"
#include "base/error.hpp"
#include "base/printable.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/redis/place/kubernetes/deletions.hpp"
#include "components/redis/server/backup_manifest.hpp"
#include "components/redis/server/secret_problem.hpp"

namespace raibid {

namespace {

std::string repair(const HealthReport& report) { return "setup repairs it: " + report.scope().command("setup redis"); }

/// A quantity that cannot be read counts as none: status only compares.
std::int64_t bytes_of(const std::string& quantity) {
  try {
    return quantity.empty() ? 0 : parse_bytes(quantity, "a claim's size");
  } catch (const Error&) {
    return 0;
  }
}

}  // namespace

void examine_record(const std::optional<Release::Record>& record, const std::string& name, HealthReport& report) {
  const std::string status = record ? record->status : "missing";
  const int revision = record ? record->revision : 0;
  report.add(
      {"release", status == "deployed", fmt::format("{}, revision {}, {}", name, revision, status), repair(report)},
      record ? CheckReason::not_deployed : CheckReason::missing);
}

void examine_workload(const Release& found, const Kubectl& kubectl, HealthReport& report) {
  const std::string name = found.names().workload;
  const std::optional<Release::Workload>& workload = found.workload;
  const int wanted = workload ? workload->replicas : 0;
  const int ready = workload ? workload->ready_replicas : 0;
  if (workload && workload->deletion) {
    report.add({"workload", false, fmt::format("{} of {} ready, {}", ready, wanted, describe(*workload->deletion)),
                "it is removed as soon as its finalizers are gone; then setup makes it again: " +
                    report.scope().command("setup redis")},
               CheckReason::being_deleted);
    return;
  }
  const Release::Pod* const pod = found.pod();
  const bool only_exporter = wanted == 1 && ready == 0 && pod && pod->serves;
  report.add({"workload", workload && wanted > 0 && (ready == wanted || only_exporter),
              workload ? fmt::format("{} of {} ready{}", ready, wanted, only_exporter ? ", but for the exporter" : "")
                       : "missing",
              workload && wanted == 0
                  ? "it is scaled to zero; start it again: " +
                        kubectl.for_people({"scale", "statefulset", name, fmt::format("--replicas={}", found.nodes())})
                  : repair(report)},
             !workload     ? CheckReason::missing
             : wanted == 0 ? CheckReason::scaled_to_zero
                           : CheckReason::not_ready);
}

void examine_pod(const Release::Pod* pod, const std::string& name, const Kubectl& kubectl, HealthReport& report) {
  if (!pod) {
    report.add({.name = "pod",
                .text = name + " does not exist",
                .hint = kubectl.for_people({"describe", "statefulset"}),
                .object = name},
               CheckReason::missing);
    return;
  }
  const std::optional<Release::Pod::End>& last = pod->last_end;
  std::string text = fmt::format("{} {}, {} restarts", name,
                                 pod->ready           ? "Ready"
                                 : pod->serves        ? "ready except for its exporter"
                                 : pod->being_deleted ? "is being deleted"
                                                      : pod->phase + ", not Ready",
                                 pod->restarts);
  if (last) {
    text += fmt::format(" (last: {} of {}, exit code {}, {})", last->reason, last->container, last->exit_code,
                        last->finished_at);
  }
  if (!pod->why_not_running.empty()) text += ": " + pod->why_not_running;
  report.add({.name = "pod",
              .passed = pod->serves,
              .text = text,
              .hint = pod->node_is_silent ? kubectl.for_people({"describe", "node", pod->node})
                                          : kubectl.for_people({"describe", "pod", name}),
              .object = name},
             pod->node_is_silent  ? CheckReason::node_is_silent
             : pod->being_deleted ? CheckReason::being_deleted
                                  : CheckReason::not_ready);
  if (const auto& trouble = pod->exporter_trouble)
    report.add({.name = "exporter",
                .text = "Redis works, and its exporter does not: " + trouble->text,
                .hint = trouble->hint,
                .object = name},
               CheckReason::not_ready);
}

void examine_services(const Release& found, const std::vector<std::string>& services, HealthReport& report) {
  for (const std::string& service : services) {
    const Release::Service* const there = found.service(service);
    const bool leads = found.leads_here(service);
    const std::string what = !there  ? "does not exist"
                             : leads ? "leads to " + found.names().workload
                                     : "leads elsewhere";
    report.add({.name = "service",
                .passed = leads,
                .text = service + " " + what,
                .hint = there ? "someone else made or changed it: the application reaches something else by this name"
                              : repair(report),
                .object = service},
               there ? CheckReason::leads_elsewhere : CheckReason::missing);
  }
}

void examine_claim(const Release::Claim* claim, const std::string& name, const std::string& release, bool wanted,
                   const Kubectl& kubectl, HealthReport& report) {
  if (!claim) {
    if (wanted)
      report.add({.name = "claim",
                  .text = name + " does not exist: the data would not survive a restart",
                  .hint = repair(report),
                  .object = name},
                 CheckReason::missing);
    return;
  }
  const std::string shown = bytes_of(claim->capacity) < bytes_of(claim->requested)
                                ? fmt::format("{}, growing to {}", claim->capacity, claim->requested)
                                : claim->capacity;
  const std::string text = fmt::format("{} {}, {}, {}", name, claim->phase, shown, claim->storage_class);
  if (claim->deletion) {
    report.add(
        {.name = "claim",
         .text = fmt::format("{}; it {}: the next restart of Redis loses the data", text, describe(*claim->deletion)),
         .hint = join(how_to_keep_data(kubectl, release, claim->volume), "; "),
         .object = name},
        CheckReason::being_deleted);
    return;
  }
  report.add({.name = "claim",
              .passed = claim->phase == "Bound",
              .text = text,
              .hint = kubectl.for_people({"describe", "pvc", name}),
              .object = name},
             CheckReason::not_bound);
}

void examine_trimming(const std::optional<Release::Trimming>& trimming, const Kubectl& kubectl, HealthReport& report) {
  if (!trimming) return;
  const std::string& began = trimming->last_started;
  const std::string& succeeded = trimming->last_succeeded;
  const bool failed = !trimming->running && began > succeeded;
  const std::string success = succeeded.empty() ? "none has succeeded yet" : "last success " + succeeded;
  if (trimming->suspended) {
    report.add({"trimming", false, fmt::format("CronJob {} is suspended; {}", trimming->name, success), repair(report)},
               CheckReason::suspended);
  } else if (failed) {
    report.add({"trimming", false, fmt::format("the run of {} failed; {}", began, success),
                "see why: " + kubectl.for_people({"logs", "-l", "app.kubernetes.io/component=trim", "--tail=20"}) +
                    "; by hand: " + report.scope().command("queue trim")},
               CheckReason::failed);
  } else {
    const std::string run = trimming->running && succeeded.empty() ? "the first run is under way"
                            : succeeded.empty()                    ? "no run yet"
                                                : success + (trimming->running ? ", running now" : "");
    report.add({"trimming", true, fmt::format("{} ({})", run, trimming->schedule)});
  }
}

void examine_backups(const std::optional<Release::Backups>& backups, const Kubectl& kubectl, WallTime now,
                     HealthReport& report) {
  if (!backups) return;
  const std::string& succeeded = backups->last_succeeded;
  std::string success = "none has succeeded yet";
  if (!succeeded.empty()) {
    success = fmt::format("last success {}, {}", succeeded, ago(now, succeeded));
    if (!backups->file.empty())
      success += fmt::format(", {}, {}", format_bytes(backups->bytes), backups->verified ? "verified" : "not verified");
  }
  const std::string logs = "see why: " + kubectl.for_people({"logs", "-l", "app.kubernetes.io/component=backup",
                                                             "--all-containers", "--tail=20"});
  const std::string now_by_hand =
      "; to take one now: " + kubectl.for_people({"create", "job", "--from=cronjob/" + backups->name,
                                                  fmt::format("{}-{}", backups->name, unix_seconds(now))});
  const auto cron = CronSchedule::parse(backups->schedule);
  const auto since = parse_rfc3339(succeeded.empty() ? backups->created : succeeded);
  const bool old = cron && since && now - *since > 2 * cron->longest_gap();
  const bool failed = !backups->running && (!backups->problem.empty() || backups->last_started > succeeded);
  const std::string where = fmt::format("to {} ({})", printable(backups->to), backups->schedule);
  if (backups->suspended) {
    report.add({"backup", false, fmt::format("CronJob {} is suspended; {}", backups->name, success), repair(report)},
               CheckReason::suspended);
  } else if (failed && !backups->problem.empty()) {
    report.add(
        {"backup", false,
         fmt::format("the run of {} failed: {}; {}", backups->last_started, printable(backups->problem), success),
         logs + now_by_hand});
  } else if (failed) {
    report.add(
        {"backup", false, fmt::format("the run of {} failed; {}", backups->last_started, success), logs + now_by_hand});
  } else if (old) {
    report.add({"backup", false, fmt::format("{}: older than two periods of {}", success, backups->schedule),
                logs + now_by_hand},
               CheckReason::limit_passed);
  } else {
    const std::string run = backups->running && succeeded.empty() ? "the first run is under way"
                            : succeeded.empty()                   ? "no run yet"
                                                                  : success + (backups->running ? ", running now" : "");
    report.add({"backup", true, run + ", " + where});
  }
}

void examine_deletions(const Release& found, const Kubectl& kubectl, HealthReport& report) {
  std::vector<Deletion> deletions = found.deletions;
  std::sort(deletions.begin(), deletions.end(),
            [](const Deletion& left, const Deletion& right) { return left.object < right.object; });
  for (const Deletion& deletion : deletions) {
    const std::string kind = deletion.object.substr(0, deletion.object.find('/'));
    const bool has_its_line = kind == "statefulset" || kind == "pod" || kind == "persistentvolumeclaim";
    if (has_its_line) continue;
    const bool is_volume = kind == "persistentvolume";
    const std::string volume = deletion.object.substr(kind.size() + 1);
    report.add({.name = is_volume ? "volume" : kind,
                .text = deletion.object + " " + describe(deletion),
                .hint = is_volume ? join(how_to_keep_data(kubectl, found.id.name, volume), "; ")
                                  : "see what holds it: " + kubectl.for_people({"get", deletion.object, "-o", "yaml"}),
                .object = deletion.object,
                .word = is_volume ? "" : "deletion"},
               CheckReason::being_deleted);
  }
}

void examine_state(const ReleaseState& state, HealthReport& report) {
  if (!state.unknown().empty()) {
    report.add({"objects", true, "not compared with the release: " + state.unknown()});
    return;
  }
  for (const Drift& drift : state.drift()) {
    const std::string hint = !drift.owner.empty()    ? "what takes it over also changes it; look there first"
                             : drift.replaces_pods() ? "this restarts Redis; " + repair(report)
                                                     : repair(report);
    for (const std::string& line : drift.lines()) {
      report.add({"objects", false, line, hint}, CheckReason::drifted);
    }
  }
  for (const auto& [service, why] : state.dead_services()) {
    report.add(
        {"objects", false, dead_service(service, why),
         state.drift().empty() ? "applications reach nothing by this name; see the check of the pod" : repair(report)},
        CheckReason::leads_nowhere);
  }
  if (state.drift().empty() && state.dead_services().empty()) {
    report.add({"objects", true,
                fmt::format("{} as in revision {}",
                            counted(static_cast<std::int64_t>(state.manifest().size()), "object", "objects"),
                            state.revision())});
  }
}

void examine_secret(const Release& found, bool wanted, HealthReport& report) {
  if (!wanted) return;
  const std::string name = found.names().full;
  if (const std::string problem = secret_problem(found.content()); !problem.empty()) {
    report.add({"secret", false,
                fmt::format("Secret {} was changed by hand: {}; after its next start Redis would let nobody in", name,
                            problem),
                "setup puts back what this machine's credentials file has, or says what it needs for that: " +
                    report.scope().command("setup redis")},
               CheckReason::changed);
  }
  if (found.secret) return;
  report.add({"secret", false, fmt::format("Secret {} is gone: the next pod cannot start", name),
              "setup makes it again, or says what it needs for that: " + report.scope().command("setup redis")},
             CheckReason::missing);
}

}  // namespace raibid
