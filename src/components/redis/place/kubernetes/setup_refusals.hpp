#pragma once

#include "components/context.hpp"
#include "components/redis/place/kubernetes/installation.hpp"
#include "components/redis/place/kubernetes/observed.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/settings.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

// What setup refuses before it changes anything; each throws Error (preflight).

/// --tls-secret: what is brought has to fit before anything is changed.
void check_certificate(const Context& context, const Observed& observed, const RedisSettings& settings,
                       const RedisNames& names, const Kubectl& kubectl);

/// Anything of our names that someone else made is left alone, unless the user says that it is ours to take.
void refuse_foreign(const Observed& observed, const RedisSettings& settings, const RedisNames& names,
                    const Kubectl& kubectl);

/// Where backups are to go has to be there, and be theirs.
void refuse_backup_place(const Observed& observed, const RedisSettings& settings, const RedisNames& names,
                         const Kubectl& kubectl);

/// What someone else has taken over is not overwritten.
void refuse_other_owners(const Observed& observed, const Kubectl& kubectl);

void refuse_unfit(const Observed& observed, const RedisSettings& settings, const Kubectl& kubectl);

/// Users in a Secret of the release that something else keeps are that one's, too.
void refuse_to_write(const Context& context, const Installation& installation);

/// The store may have changed the password while Redis runs: that has a way of its own.
void refuse_unknown_password(Context& context, const Observed& observed, const Kubectl& kubectl,
                             const RedisNames& names);

/// Of a change of the number of nodes and one of the users each has its own undo.
void refuse_users_with_other_nodes(const Context& context, const Installation& installation);

/// Once the other nodes are gone there is no way back to them, so nothing else may fail then.
void refuse_more_than_one_node_less(const Installation& installation);

/// Helm would find out only after namespace and Secret are made.
void refuse_missing_chart(Context& context, const Installation& installation);

}  // namespace raibid
