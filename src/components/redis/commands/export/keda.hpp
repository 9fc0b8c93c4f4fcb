#pragma once

#include <string>
#include <vector>

#include "components/redis/commands/export/manifests.hpp"

namespace raibid {

/// One thing whose length says how much work there is.
struct Queue {
  std::string stream, group;  ///< a stream with its group, or
  std::string list;           ///< a list or a sorted set
  bool later = false;         ///< its entries are not due yet: one worker is enough, however many there are
};

/// The preset's streams with their groups; without any, what its Asynq queues consist of: tasks that are pending,
/// active (a dead worker's stay there), to be tried again, and scheduled. Empty when it has neither.
std::vector<Queue> queues_of(const Preset& preset, const RedisSettings& settings);

/// What KEDA needs to start a Job for each waiting one.
struct KedaInput {
  std::string address;     ///< host:port, as KEDA's operator reaches it
  std::string username{};  ///< "" for the default user
  int database = 0;
  std::string secret_name, secret_key;  ///< where the password is, in the application's namespace; "" without one
  bool tls = false;
  std::string ca_configmap{};   ///< with the CA as ca.crt; "" where the system's CAs know it
  std::string client_secret{};  ///< with tls.crt and tls.key, which KEDA shows; "" without
  std::string image;            ///< the worker's
  std::vector<Queue> queues;
  bool lists_of_the_user = false;  ///< --list: what a Job takes is no longer in the list
};

/// The name of the ScaledJob for a preset's workers.
std::string keda_job_name(const std::string& preset);

/// ScaledJob and, with a password or a CA of its own, TriggerAuthentication, as YAML: all of a trigger's metadata are
/// quoted strings, as KEDA wants them (keda.sh/docs: redis-streams, redis-lists and cron scalers).
std::string keda_manifests(const Handover& handover, const std::string& preset, const KedaInput& input);

}  // namespace raibid
