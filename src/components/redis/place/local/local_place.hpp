#pragma once

#include <optional>

#include "components/redis/place/local/instance.hpp"
#include "components/redis/place/place.hpp"

namespace raibid {

/// A redis-server of this machine.
class LocalPlace final : public Place {
 public:
  LocalPlace(Context& context, const RedisSettings& settings);

  std::string heading() const override;
  std::string subject() const override;
  Abilities can() const override;
  std::vector<Node> nodes() const override;
  const InstalledRedis& installed() override;
  void prepare(int local_port = 0) override;
  RedisEndpoint endpoint(TimePoint deadline) override;
  std::unique_ptr<RedisConnection> connect(TimePoint deadline) override;
  std::unique_ptr<RedisConnection> administer(TimePoint deadline) override;
  std::vector<std::unique_ptr<RedisConnection>> administer_all(TimePoint deadline) override;
  void look_after() override;
  Process* keep_open() override;
  void read_data_file(const std::string& name, const std::function<void(std::string_view)>& take) override;
  void note_trim(const std::string& stream, std::int64_t removed) override;
  Command logs(const LogLines& lines) override;
  std::unique_ptr<Victim> victim() override;

 private:
  Context& m_context;
  RedisSettings m_settings;
  LocalInstance m_instance;
  std::optional<InstalledRedis> m_installed;
};

}  // namespace raibid
