#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

#include "components/redis/commands/export/variables.hpp"

namespace raibid {

/// What an application has of its Redis in its own namespace.
struct Handover {
  std::string name;        ///< of ConfigMap and Secret
  std::string name_space;  ///< the application's
  std::vector<Variable> variables;
};

/// The variables that hold the password, base64.
nlohmann::ordered_json secret_manifest(const Handover& handover, const std::string& preset);
/// The others.
nlohmann::ordered_json configmap_manifest(const Handover& handover, const std::string& preset);

/// One thing whose length says how much work there is.
struct Queue {
  std::string stream, group;  ///< a stream with its group, or
  std::string list;           ///< a list
};

/// The preset's streams with their groups; without any, the pending lists of its Asynq queues. Empty when it has
/// neither.
std::vector<Queue> queues_of(const Preset& preset, const RedisSettings& settings);

/// What KEDA needs to start a Job for each waiting one.
struct KedaInput {
  std::string address;                  ///< host:port, as KEDA's operator reaches it
  std::string secret_name, secret_key;  ///< where the password is, in the application's namespace; "" without one
  std::string image;                    ///< the worker's
  std::vector<Queue> queues;
};

/// ScaledJob and, with a password, TriggerAuthentication, as YAML: all of a trigger's metadata are quoted strings, as
/// KEDA wants them (keda.sh/docs: redis-streams and redis-lists scalers).
std::string keda_manifests(const Handover& handover, const std::string& preset, const KedaInput& input);

/// A compose file (compose-spec.io) with the same Redis: settings, limits, health check and, as `x-redis-environment`,
/// the application's variables. The password comes from the environment or .env and is seen by no command line.
nlohmann::ordered_json compose_file(const Preset& preset, const RedisSettings& settings);
/// The name of the variable in .env that holds the password.
std::string compose_password_variable(const Preset& preset);

}  // namespace raibid
