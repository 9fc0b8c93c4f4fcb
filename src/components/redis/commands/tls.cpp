#include "components/redis/commands/tls.hpp"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/strings.hpp"
#include "components/redis/place/place.hpp"
#include "components/redis/run/agree.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/server/certificates.hpp"
#include "components/result_format.hpp"
#include "config/yaml.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;

constexpr const char* rotate_tls_command = "tls rotate redis";

/// The certificates of one Redis, which are to change.
class CertificateRotation {
 public:
  explicit CertificateRotation(Context& context) : m_context(context) {
    const bool finish = context.settings.flag("finish");
    if (finish && !context.settings.flag("ca"))
      throw Error(ExitCode::usage, "--finish ends the older CA, and goes with --ca alone",
                  "add --ca, or leave --finish out");
    mention_unfinished(context);
    auto [place, settings] = open_recorded(context, NeedsPreset::no);
    m_settings = std::move(settings);
    m_installer = open_installer(context, m_settings);
    m_record = place->installed().record;
    m_content = m_installer->certificates();
    refuse_what_is_not_ours(place->subject());
  }

  CommandResult run() {
    if (!m_context.settings.flag("ca")) return renew();
    return m_context.settings.flag("finish") ? finish() : add_ca();
  }

 private:
  void refuse_what_is_not_ours(const std::string& subject) const {
    const TlsChoice& tls = m_record.tls;
    if (tls.from == TlsChoice::From::own) return;
    const std::string setup = m_context.scope().command("setup redis");
    throw Error(
        ExitCode::preflight,
        tls.from == TlsChoice::From::issuer
            ? fmt::format("{}: its certificate is {} {}'s, which renews it", subject, tls.issuer_kind, tls.issuer)
            : fmt::format("{}: its certificate is from {}, and raibid-cli has no key to sign another one", subject,
                          tls.secret),
        "renew it where it was made, then let Redis take it: " + setup);
  }

  std::optional<CommandResult> change(
      const std::string& what, std::function<SecretContent(const SecretContent&, const CertificateSpec&)> wanted) {
    const std::string plan = m_installer->change_certificates({"tls rotate", what, std::move(wanted)});
    if (!m_context.guard.dry_run()) return std::nullopt;
    return told(plan);
  }

  CommandResult renew() {
    const WallTime now = m_context.clock.wall();
    const auto done =
        change("a new server certificate", [now](const SecretContent& present, const CertificateSpec& spec) {
          return with_renewed_certificate(present, spec, now);
        });
    return done ? *done : result("rotated", "Redis serves the new certificate. Clients notice nothing.\n");
  }

  CommandResult add_ca() {
    const WallTime now = m_context.clock.wall();
    if (!old_ca_can_sign(m_content, now))
      agree(m_context,
            "the old CA can sign nothing any more, so clients that do not know the new one are refused at once",
            rotate_tls_command, "--ca");
    const auto done = change("a second CA, and a server certificate by it",
                             [now](const SecretContent& present, const CertificateSpec& spec) {
                               return with_second_ca(present, spec, now);
                             });
    if (done) return *done;
    return result("rotated",
                  fmt::format("Both CAs are trusted. Hand ca.crt, which has both, to the applications, for instance:\n"
                              "  {}\nWhen all have it, end the older one:\n  {}\n",
                              m_context.scope().command("export env"),
                              m_context.scope().command(rotate_tls_command, "--ca --finish")));
  }

  CommandResult finish() {
    // a killed run may have been a --finish: the next change takes back first what that run left
    const bool was_interrupted = m_content.contains(previous_certificates_key);
    if (!trusts_two(m_content) && !was_interrupted)
      return result("unchanged", "One CA is trusted: nothing to finish.\n");
    agree(m_context, "clients that do not know the new CA are refused from their next connection on",
          rotate_tls_command, "--ca --finish");
    const auto done = change("the older CA ends", [](const SecretContent& present, const CertificateSpec& spec) {
      return with_one_ca(present, spec);
    });
    return done ? *done : result("finished", "Only the new CA is trusted now.\n");
  }

  CommandResult result(const std::string& state, const std::string& text) {
    if (m_context.format() == OutputFormat::table) return {text};
    const SecretContent now = m_installer->certificates();
    const CertificateFacts facts = read_certificate(value_of(now, tls_certificate_key).reveal(), tls_certificate_key);
    const ordered_json object = {{"state", state},
                                 {"not_before", rfc3339(facts.not_before)},
                                 {"not_after", rfc3339(facts.not_after)},
                                 {"days_left", days_left(facts.not_after, m_context.clock.wall())},
                                 {"fingerprint", facts.fingerprint},
                                 {"issuer", facts.issuer},
                                 {"names", facts.names},
                                 {"cas", each_certificate(value_of(now, tls_trusted_key).reveal()).size()}};
    return {formatted(object, m_context.format())};
  }

  Context& m_context;
  RedisSettings m_settings;
  Spec m_record;
  std::unique_ptr<Installer> m_installer;
  SecretContent m_content;
};

CommandResult rotate_certificates(Context& context, const std::vector<std::string>& words) {
  if (words.size() > 1 || (words.size() == 1 && words.front() != "redis"))
    throw Error(ExitCode::usage, fmt::format("there is no {} to change certificates of", in_quotes(words.front())),
                "only redis has certificates: " + context.scope().command(rotate_tls_command));
  return CertificateRotation(context).run();
}

}  // namespace

std::vector<ComponentCommand> tls_commands() {
  const auto flag = [](const char* name, const char* help) {
    return OptionSpec{.name = name, .help = help, .kind = OptionKind::flag, .flag_only = true};
  };
  return {{"tls",
           "Make a new certificate for a Redis that speaks TLS, without a restart",
           {flag("ca", "A new CA as well; both are trusted until --finish"),
            flag("finish", "End the older CA, with --ca: clients that know it alone are refused")},
           rotate_certificates,
           "[redis]",
           "rotate",
           nullptr}};
}

}  // namespace raibid
