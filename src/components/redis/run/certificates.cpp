#include "components/redis/run/certificates.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"

namespace raibid {

namespace {

constexpr const char* restore_certificates_action = "certificates.restore";

/// What restore_certificates needs to know. It holds keys, so it is kept where they are.
struct PreviousCertificates {
  std::string run;
  SecretContent content;
};

Secret certificates_text(const PreviousCertificates& previous) {
  nlohmann::ordered_json content = nlohmann::ordered_json::object();
  for (const auto& [key, value] : previous.content) content[key] = value.reveal();
  const nlohmann::ordered_json object = {{"run", previous.run}, {"content", content}};
  return Secret(json_text(object));
}

/// Throws Error (failure) for a text of another form: its message never quotes it.
PreviousCertificates previous_certificates(const Secret& text) {
  const nlohmann::json object = try_parse_json(text.reveal());
  const auto is_text = [](const nlohmann::json& value) { return value.is_string(); };
  const bool valid = object.is_object() && object.contains("run") && object["run"].is_string() &&
                     object.contains("content") && object["content"].is_object() &&
                     std::all_of(object["content"].begin(), object["content"].end(), is_text);
  if (!valid)
    throw Error(ExitCode::failure, std::string("what the change of the certificates replaced (") +
                                       previous_certificates_key + ") cannot be read: someone has changed it");
  PreviousCertificates previous{object["run"].get<std::string>(), {}};
  for (const auto& [key, value] : object["content"].items())
    previous.content.emplace(key, Secret(value.get<std::string>()));
  return previous;
}

/// What has to be written to come from one content to the other.
SecretContent certificate_changes(const SecretContent& from, const SecretContent& to) {
  SecretContent changes;
  for (const auto& [key, value] : to) {
    if (key != previous_certificates_key && value_of(from, key) != value) changes[key] = value;
  }
  for (const auto& [key, value] : from) {
    if (key != previous_certificates_key && !to.contains(key)) changes[key] = Secret();
  }
  return changes;
}

}  // namespace

void change_certificates(CertificateStore& store, const ReloadCertificates& reload, const CertificateChange& change,
                         const std::string& run) {
  SecretContent before = store.read();
  before.erase(previous_certificates_key);
  const SecretContent wanted = change(before);
  store.write({{previous_certificates_key, certificates_text({run, before})}});
  store.write(certificate_changes(before, wanted));
  reload(wanted);
}

void restore_certificates(CertificateStore& store, const ReloadCertificates& reload, const std::string& run) {
  const SecretContent now = store.read();
  const Secret kept = value_of(now, previous_certificates_key);
  if (kept.empty()) return;
  const PreviousCertificates previous = previous_certificates(kept);
  if (previous.run != run) throw Kept("the certificates are kept: another run has changed them since");
  store.write(certificate_changes(now, previous.content));
  // what was damaged before is no certificate that Redis would take; it goes on with the one that it serves
  if (why_unfit(previous.content).empty()) reload(previous.content);
  store.write({{previous_certificates_key, Secret()}});
}

void forget_previous_certificates(CertificateStore& store) {
  try {
    if (store.read().contains(previous_certificates_key)) store.write({{previous_certificates_key, Secret()}});
  } catch (const Error&) {
    // all is done, and what stays is of no use to anybody: the next run removes it
  }
}

Step certificates_step(CertificateStore& store, const ReloadCertificates& reload, const CertificateChange& change,
                       const std::string& what, const std::string& run, const std::string& by_hand) {
  Step step;
  step.name = "certificate";
  step.intent = what;
  step.undo = [by_hand] { return std::vector<Undo>{{restore_certificates_action, {}, by_hand}}; };
  step.act = [&store, reload, change, what, run]() -> StepResult {
    change_certificates(store, reload, change, run);
    return {Outcome::changed, what};
  };
  return step;
}

void add_certificates_undo(UndoTable& table, CertificateStore& store, const ReloadCertificates& reload) {
  table[restore_certificates_action] = [&store, reload](const std::map<std::string, std::string>& arguments) {
    restore_certificates(store, reload, arguments.at(run_argument));
  };
}

void reload_certificates(RedisConnection& redis) {
  std::vector<std::string> command = {"CONFIG", "SET"};
  for (const char* const name : {"tls-cert-file", "tls-key-file", "tls-ca-cert-file"}) {
    const RedisReply reply = checked(redis, {"CONFIG", "GET", name});
    const RedisReply* const path = reply.field(name);
    if (path == nullptr || path->text.empty())
      throw Error(ExitCode::failure, fmt::format("Redis has no {}: it does not speak TLS", name));
    command.insert(command.end(), {name, path->text});
  }
  checked(redis, command);
}

}  // namespace raibid
