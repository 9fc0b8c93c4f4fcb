#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/strings.hpp"
#include "components/component.hpp"
#include "components/redis/place/place.hpp"
#include "components/redis/server/asynq_queue.hpp"
#include "components/redis/server/job_queue.hpp"

namespace raibid {

/// The queue that a command of `queue` works on, and the way to it.
class QueueSession {
 public:
  /// Finds the Redis, and chooses stream and group: what an option names, else those that it was set up with. A preset
  /// without streams whose application uses Asynq (its smoke operation says so), or --queue, makes it an Asynq queue.
  /// Throws Error (usage) when there is neither, and as Place::installed. Nothing is asked of Redis yet.
  explicit QueueSession(Context& context);

  /// An Asynq queue, not a stream.
  bool asynq() const { return m_asynq; }
  /// For commands that only know streams. Throws Error (usage) with `why` when this is an Asynq queue.
  void need_stream(const std::string& why) const;
  /// The stream; or the Asynq queue that --queue names, else the only one of this Redis, which is asked for. Throws
  /// Error (usage) when there are several to choose from, (failure) when there is none, or not the named one.
  const std::string& name();
  /// For commands that make the stream when it is not there: its name has to be one that setup takes. Throws Error
  /// (usage).
  void need_stream_name() const;
  /// The Asynq queue that --queue names, or every one of this Redis.
  std::vector<std::string> asynq_queues();

  /// Every Asynq queue of this Redis.
  std::vector<std::string> all_asynq_queues() { return asynq_queue_names(redis()); }

  const std::string& stream() const { return m_spec.name; }
  /// The group that --group or the preset names; else the stream's only one, which is asked for; "" when it has none.
  /// Throws Error (usage) when there are several to choose from.
  const std::string& group();
  /// The stream's limit: --max-length, else the preset's; 0 for none.
  std::int64_t limit() const { return m_spec.max_length; }
  /// The safe trim, when the stream is above its limit and --trim-schedule is not off. Throws Error (failure) when the
  /// connection breaks; a stream that cannot be trimmed stays as it is.
  void keep_limit();
  /// A trim has removed so many: for the account that `status` shows.
  void note_trim(std::int64_t removed) { m_place->note_trim(m_spec.name, removed); }
  const std::vector<std::string>& job_forms() const { return m_spec.jobs; }
  /// Those of the preset, this one first.
  std::vector<std::string> streams() const;

  /// For what the application's user may not do: logs in as raibid-cli does for its own work.
  void administer() { m_administers = true; }

  Context& context() { return m_context; }
  Place& place() { return *m_place; }
  RedisConnection& redis();
  std::unique_ptr<JobQueue> queue();
  /// Another connection in place of the one that broke; tries until `patience` has passed.
  void reconnect(Duration patience);

  std::int64_t now_ms() const;
  /// "queue raibid:jobs of release …".
  std::string subject() const;

 private:
  bool is_beyond_the_user() const;
  std::unique_ptr<RedisConnection> connect(TimePoint until);

  Context& m_context;
  StreamSpec m_spec;
  bool m_asynq = false;
  bool m_named = false;  ///< the Asynq queue is chosen, and it is there
  bool m_has_group = false;
  bool m_administers = false;
  std::string m_group;
  std::unique_ptr<Place> m_place;
  std::unique_ptr<RedisConnection> m_redis;
  bool m_opened = false;  ///< there was a connection: there is a way to look after
};

/// Whether a flag, a variable or a file says it, above the preset and what was recorded.
bool option_chosen(const Context& context, std::string_view name);

/// "raibid-cli queue VERB …" that acts on the same queue of the same Redis: with what chose it (--stream or --queue)
/// and the run's scope.
std::string queue_command(const Context& context, const std::string& verb, const std::string& rest = "");

/// A result as -o says: the table's text, or the object.
CommandResult queue_result(const Context& context, const std::function<std::string()>& text,
                           const nlohmann::ordered_json& object);

/// True with --yes or after a yes. Throws Error (usage) when there is nobody to ask.
bool queue_agreed(Context& context, const std::string& question);

/// --from, --to: an ID, a time (RFC 3339), or how long ago ("1h"). Throws Error (usage).
std::string stream_position(const std::string& text, const std::string& option, std::int64_t now_ms);

/// "12 s ago", "-" for none.
std::string age_text(Duration age);

/// The facts of one queue as an object.
nlohmann::ordered_json queue_json(const QueueFacts& facts, std::int64_t now_ms);

/// For JSON: bytes that are not UTF-8 as {"base64": …}.
nlohmann::ordered_json text_json(const std::string& text);
nlohmann::ordered_json job_json(const JobView& view);

}  // namespace raibid
