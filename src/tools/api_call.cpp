#include "tools/api_call.hpp"

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/strings.hpp"
#include "sys/timeline.hpp"
#include "tools/api_answer.hpp"
#include "tools/api_kinds.hpp"
#include "tools/api_runner.hpp"

#include <fmt/format.h>
#include <string.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace raibid {

using nlohmann::literals::operator""_json_pointer;

namespace {

constexpr int ended_by_us = 128 + 15;  // as of a child that was ended by SIGTERM
/// At the API server they are streams of one connection; this is enough to hide the way there and back.
constexpr std::ptrdiff_t most_at_once = 8;
/// Between two looks whether a deleted object is gone.
constexpr Duration look_pause = std::chrono::milliseconds(200);

bool is_success(int code) { return code >= 200 && code < 300; }

/// For the timeline: without the query, which can be long.
std::string shown(const ApiRequest& request, bool is_watch) {
  return (is_watch ? "watch" : request.method) + " " + request.path.substr(0, request.path.find('?'));
}

/// With its query; never its body.
std::string whole(const ApiRequest& request) { return request.method + " " + request.path; }

/// "configmaps/held" of "/api/v1/namespaces/x/configmaps/held?…".
std::string object_in(const std::string& path) {
  const std::string object = path.substr(0, path.find('?'));
  const std::size_t name = object.rfind('/');
  return object.substr(object.rfind('/', name - 1) + 1);
}

bool starts_as_json(std::string_view body) { return trim(body.substr(0, 100)).starts_with('{'); }

}  // namespace

ApiCall::ApiCall(ApiRunner& runner, KubectlProxy& proxy, const Command& command)
    : m_runner(runner), m_proxy(proxy), m_command(command), m_api(*m_command.api) {
  for (const ApiRequest& request : m_api.requests) m_asked.push_back({&request});
  m_input = m_command.input;
  m_waits_for_input = m_command.input_follows;
  if (m_api.gone_within != Duration::zero()) m_gone_by = m_runner.now() + m_api.gone_within;
  if (m_api.answer == ApiAnswer::version) {
    Command own{{"kubectl", "version", "--client", "-o", "json"}, {}, m_command.environment};
    own.only_reads = true;
    m_own_version = m_runner.start_helper(own);
  }
  m_proxy.state();  // starts it when this is the first need
  advance();
}

ApiCall::~ApiCall() { explicit_bzero(m_input.data(), m_input.size()); }

void ApiCall::feed(std::string rest) {
  m_input += rest;
  if (m_instead) {
    m_instead->feed(std::move(rest));
    return;
  }
  explicit_bzero(rest.data(), rest.size());
  m_waits_for_input = false;
  advance();
}

void ApiCall::end() {
  if (m_instead) return m_instead->end();
  if (m_finished) return;
  m_asked.clear();  // closes the connections
  m_own_version.reset();
  m_status = ended_by_us;
  m_finished = true;
}

void ApiCall::watch(std::vector<pollfd>& list) const {
  if (m_instead) return dynamic_cast<Polled&>(*m_instead).watch(list);
  m_proxy.watch(list);
  for (const Asked& one : m_asked) {
    if (one.exchange) one.exchange->watch(list);
  }
  if (m_own_version && !m_own_version->finished()) dynamic_cast<Polled&>(*m_own_version).watch(list);
}

bool ApiCall::handle(std::span<const pollfd> ready) {
  if (finished()) return true;
  if (m_instead) {
    const bool news = dynamic_cast<Polled&>(*m_instead).handle(ready);
    if (m_instead->finished() && m_instead->status() == 0) m_runner.tell_of_fallback(m_proxy);
    return news;
  }
  m_proxy.handle(ready.first(KubectlProxy::polled));
  std::size_t next = KubectlProxy::polled;
  bool news = false;
  for (Asked& one : m_asked) {
    if (one.exchange && ready[next++].revents != 0) news |= one.exchange->handle();
  }
  if (m_own_version && !m_own_version->finished()) dynamic_cast<Polled&>(*m_own_version).handle(ready.subspan(next));
  const bool ended = advance();
  return ended || (news && m_api.answer == ApiAnswer::events && !m_out.empty());
}

TimePoint ApiCall::due() const {
  if (m_instead) return dynamic_cast<Polled&>(*m_instead).due();
  TimePoint due = m_proxy.due();
  for (const Asked& one : m_asked) {
    if (one.exchange) due = std::min(due, one.until);
    if (!one.exchange && !one.settled && !one.deleted.empty()) due = std::min(due, one.not_before);
  }
  return due;
}

/// Takes what has come and asks for what is left. True when all is over.
bool ApiCall::advance() {
  if (m_finished) return true;
  if (m_waits_for_input) return false;
  for (Asked& one : m_asked) {
    if (one.exchange) harvest(one);
    if (one.settled && one.on_timeline && m_runner.m_timeline != nullptr) {
      m_runner.m_timeline->end(*one.on_timeline, one.failure ? one.failure->message.substr(0, 60) : "");
    }
  }
  while (std::any_of(m_asked.begin(), m_asked.end(), [](const Asked& one) { return !one.settled; })) {
    const KubectlProxy::State state = m_proxy.state();
    if (state == KubectlProxy::State::starting) return false;
    if (state == KubectlProxy::State::gone) return run_instead();
    if (launch()) return false;
  }
  if (m_own_version && !m_own_version->finished()) return false;
  return finish();
}

void ApiCall::harvest(Asked& one) {
  HttpExchange& exchange = *one.exchange;
  if (watches(one) && is_success(exchange.code())) m_out += std::exchange(exchange.body(), std::string());
  if (exchange.complete()) {
    settle(one);
    m_proxy.give_back(exchange.release());
    one.exchange.reset();
  } else if (exchange.ended()) {
    broke_off(one, "unexpected EOF", true);
  } else if (m_runner.now() >= one.until) {
    broke_off(one, "context deadline exceeded (Client.Timeout exceeded while awaiting headers)", false);
  }
}

void ApiCall::settle(Asked& one) {
  HttpExchange& exchange = *one.exchange;
  if (!one.deleted.empty()) return settle_look(one);
  one.settled = true;
  for (const std::string& header : exchange.header("warning")) one.warnings.push_back(warning_text(header));
  if (!is_success(exchange.code())) {
    ApiFailure failure = failure_of(exchange);
    // a web server that knows no such page says 404, too, but has no Status for it
    const bool absent = failure.code == 404 && one.request->absent_is_fine && starts_as_json(exchange.body());
    if (!absent) one.failure = std::move(failure);
    return;
  }
  const bool as_it_is = m_api.answer == ApiAnswer::text || watches(one);
  if (!as_it_is && !starts_as_json(exchange.body())) {
    const std::string_view text = trim(exchange.body());
    one.failure = ApiFailure{
        0, {}, fmt::format("invalid character '{}' looking for beginning of value", text.empty() ? ' ' : text[0]), {}};
    return;
  }
  one.found = std::move(exchange.body());
  if (m_gone_by != TimePoint::max()) await_end_of(one);
  if (m_api.answer == ApiAnswer::events && !watches(one)) begin_watch(one);
}

/// The API has taken a deletion: its answer is the object, which may go later (finalizers, a pod's grace), or a Status
/// with its uid.
void ApiCall::await_end_of(Asked& one) {
  const nlohmann::json answer = try_parse_json(*one.found);
  for (const char* at : {"/metadata/uid", "/details/uid"}) {
    const nlohmann::json::json_pointer uid(at);
    if (one.deleted.empty() && answer.is_object() && answer.contains(uid) && answer[uid].is_string())
      one.deleted = answer[uid];
  }
  if (one.deleted.empty()) return;  // it does not say what it deleted, so that nobody can wait for it
  one.next_path = one.request->path;
  one.settled = false;
  one.not_before = m_runner.now();
}

/// As kubectl does it. A watch that begins without a list can wait for a state that the server's cache gets only with
/// the next change ("Too large resource version", tried with 1.34).
void ApiCall::begin_watch(Asked& one) {
  const nlohmann::json list = try_parse_json(std::exchange(one.found, std::nullopt).value_or(""));
  if (!list.is_object() || !list.contains("items")) {
    one.failure = ApiFailure{0, {}, "unexpected end of JSON input", {}};
    return;
  }
  for (const nlohmann::json& item : list["items"]) {
    const std::string object = json_text(item);
    m_out += R"({"type":"ADDED","object":{)" + one.request->item_members + object.substr(1) + "}\n";
  }
  const std::string version = list.value("/metadata/resourceVersion"_json_pointer, std::string());
  const std::string& path = one.request->path;
  one.next_path = path.substr(0, path.find("timeout=")) + "watch=true&resourceVersion=" + url_escape(version);
  one.settled = false;
}

/// A look at an object that was deleted: it is gone, or another has its name, or we may not look (as kubectl, which
/// takes that for the end), or it is still there.
void ApiCall::settle_look(Asked& one) {
  HttpExchange& exchange = *one.exchange;
  const nlohmann::json answer = try_parse_json(exchange.body());
  const bool there = is_success(exchange.code()) && answer.is_object() &&
                     answer.value("/metadata/uid"_json_pointer, std::string()) == one.deleted;
  const bool cannot_tell = exchange.code() == 429 || exchange.code() >= 500;
  one.settled = !there && !cannot_tell;
  one.not_before = m_runner.now() + look_pause;
  if (one.settled || one.not_before < m_gone_by) return;
  one.settled = true;
  one.failure = ApiFailure{408, {}, "timed out waiting for the condition on " + object_in(one.request->path), {}};
}

/// A connection that ended before its answer, or an answer that did not come in time.
void ApiCall::broke_off(Asked& one, const std::string& why, bool may_try_again) {
  one.exchange.reset();
  if (!one.deleted.empty() && m_runner.now() < m_gone_by) {
    one.not_before = m_runner.now() + look_pause;
    return;
  }
  if (may_try_again && may_repeat() && !one.again && !watches(one)) {
    one.again = true;
    return;
  }
  one.settled = true;
  one.failure = ApiFailure{0, {}, why, {}};
}

/// Sends the next requests. False when nobody listens any more: a new proxy is on its way then, or none can be had.
bool ApiCall::launch() {
  std::ptrdiff_t running =
      std::count_if(m_asked.begin(), m_asked.end(), [](const Asked& one) { return one.exchange != nullptr; });
  for (Asked& one : m_asked) {
    if (one.settled || one.exchange || m_runner.now() < one.not_before) continue;
    if (running == (m_api.in_order ? 1 : most_at_once)) break;
    UniqueFd connection = m_proxy.connect();
    if (!connection) {
      m_proxy.start();
      return false;
    }
    one.exchange = std::make_unique<HttpExchange>(std::move(connection), text_of(one));
    if (m_runner.m_timeline != nullptr && !one.on_timeline)
      one.on_timeline = m_runner.m_timeline->begin(
          Timeline::Kind::request, shown(*one.request, m_api.answer == ApiAnswer::events), whole(*one.request));
    const bool lasts = m_api.timeout == Duration::zero() || watches(one);
    one.until = lasts ? TimePoint::max() : m_runner.now() + m_api.timeout;
    m_acted = m_acted || !m_command.only_reads;
    ++running;
  }
  return true;
}

std::string ApiCall::text_of(const Asked& one) const {
  const ApiRequest& request = *one.request;
  const bool follows = !one.next_path.empty();
  const std::string& body = m_api.body_is_input ? m_input : request.body;
  std::string text = fmt::format("{} {}{} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: raibid-cli/{}\r\nAccept: {}\r\n",
                                 follows ? "GET" : request.method, m_api.prefix, follows ? one.next_path : request.path,
                                 RAIBID_VERSION, request.accept);
  if (follows || request.content_type.empty()) return text + "\r\n";
  text += fmt::format("Content-Type: {}\r\nContent-Length: {}\r\n\r\n", request.content_type, body.size());
  text.reserve(text.size() + body.size());  // so that no copy of a secret stays behind
  return text += body;
}

/// There is no proxy: the command is a kubectl of its own. Not when some of what it does may be done already.
bool ApiCall::run_instead() {
  if (m_acted && !may_repeat()) {
    for (Asked& one : m_asked) {
      if (!one.settled) broke_off(one, "unexpected EOF", false);
    }
    return finish();
  }
  m_asked.clear();
  m_own_version.reset();
  m_instead = m_runner.start_child(m_command);
  if (m_command.input_follows) m_instead->feed(m_input.substr(m_command.input.size()));
  return false;
}

bool ApiCall::finish() {
  for (Asked& one : m_asked) {
    for (const std::string& warning : one.warnings) m_err += "Warning: " + warning + "\n";
    if (!one.failure) continue;
    m_err += in_words(*one.failure) + "\n";
    m_failures.push_back(*one.failure);
  }
  if (m_api.answer != ApiAnswer::events) m_out = composed();
  m_status = m_failures.empty() ? 0 : 1;
  m_finished = true;
  return true;
}

std::string ApiCall::composed() const {
  std::string text;
  for (const Asked& one : m_asked) {
    if (!one.found) continue;
    if (m_api.answer == ApiAnswer::items && !one.request->item_members.empty()) {
      append_items(*one.found, one.request->item_members, text);
    } else if (m_api.answer == ApiAnswer::items) {
      text += (text.empty() ? "" : ",") + *one.found;
    } else if (m_api.answer == ApiAnswer::each) {
      text += *one.found + "\n";
    } else if (m_api.answer != ApiAnswer::nothing) {
      text += *one.found;
    }
  }
  if (m_api.answer == ApiAnswer::items) return R"({"apiVersion":"v1","kind":"List","items":[)" + text + "]}";
  if (m_api.answer != ApiAnswer::version || text.empty()) return text;
  const nlohmann::json own = try_parse_json(m_own_version->out());
  const std::string client = own.is_object() && own.contains("clientVersion") ? json_text(own["clientVersion"]) : "{}";
  return fmt::format(R"({{"clientVersion":{},"serverVersion":{}}})", client, text);
}

}  // namespace raibid
