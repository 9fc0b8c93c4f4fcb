#pragma once

#include "components/redis/settings/option_reader.hpp"
#include "components/redis/settings/settings.hpp"

namespace raibid {

/// --tls, --tls-secret and --tls-issuer: the strongest holds, and says at the same time that a weaker one is over. So
/// `--tls=false` ends what was recorded, and `--tls` goes from a certificate of someone else to one of our own.
/// Target and chart have to be known. Throws Error (usage) for options that contradict each other or cannot be had
/// there.
void take_tls(RedisSettings& redis, const OptionReader& reader);

}  // namespace raibid
