#pragma once

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "components/redis/server/users.hpp"
#include "plan/step.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// Where the users of one Redis are kept beside the running server, which reads them at its next start: a Secret, or
/// files of this machine.
class UserStore {
 public:
  virtual ~UserStore() = default;
  virtual SecretContent read() = 0;
  /// Gives these keys these values; an empty value removes the key. The other keys stay.
  virtual void write(const SecretContent& changes) = 0;
};

/// Logs in to the running server. nullptr when it does not run: then the store is all there is. Throws as
/// connect_redis.
using LogIn = std::function<std::unique_ptr<RedisConnection>(const Login&)>;

/// One server of a Redis: the only one, a node of several, or the sentinel beside a node.
struct UserServer {
  enum class Kind { alone, node, sentinel };
  Kind kind = Kind::alone;
  LogIn log_in;
};

/// The servers of one Redis that run; each call looks again. A node that does not run reads the store when it starts.
class UserServers {
 public:
  /// A Redis of one server, by a LogIn.
  template <typename OfOne>
    requires std::is_invocable_r_v<std::unique_ptr<RedisConnection>, OfOne&, const Login&>
  UserServers(OfOne log_in)  // NOLINT(google-explicit-constructor)
      : UserServers(std::function([log_in] {
          return std::vector<UserServer>{{UserServer::Kind::alone, log_in}};
        })) {}
  explicit UserServers(std::function<std::vector<UserServer>()> look) : m_look(std::move(look)) {}
  std::vector<UserServer> running() const { return m_look(); }

 private:
  std::function<std::vector<UserServer>()> m_look;
};

/// What the content of the store becomes; asked when it is about to change.
using UserChange = std::function<SecretContent(const SecretContent& present)>;

/// Changes the users of a running Redis, in this order: new passwords and rights, on every server (ACL SETUSER); the
/// store, after the application and raibid-cli have logged in that way; the password that the nodes use among each
/// other; last, old passwords and rights are removed. So a client with an old or a new password is not refused
/// meanwhile. ACL LOAD is never used, because it closes connections. What was there before stays in the store
/// (previous_users_key) until `forget_previous_users`. `run` is the id of the run, without which nothing is taken back.
/// Throws Error; when raibid-cli cannot log in to a server that runs, it does so before anything is changed.
void change_users(UserStore& store, const UserServers& servers, const UserChange& change, const std::string& run);

/// Takes back what change_users of that run did, whole or in part; can run twice. Throws Kept when another run has
/// changed the users since, Error (failure) when no password that is known opens the running server.
void restore_users(UserStore& store, const UserServers& servers, const std::string& run);

/// The run has ended well: nothing is to be taken back any more. What cannot be removed now is removed by the next run.
void forget_previous_users(UserStore& store);

/// A step that changes the users, with its undo, "users.restore". `after` is called when it is done: who was logged in
/// before may be gone.
Step users_step(UserStore& store, const UserServers& servers, const UserChange& change, const std::string& what,
                const std::string& run, const std::string& by_hand, std::function<void()> after);

/// What "users.restore" does.
void add_users_undo(UndoTable& table, UserStore& store, const UserServers& servers);

/// Tells a node, or a sentinel, with what it logs in to the others. Who is connected already stays connected.
void tell_internal_password(RedisConnection& redis, UserServer::Kind kind, const SecretContent& content);

/// The first of these logins that the server lets in. Throws the last refusal when it lets nobody in.
std::unique_ptr<RedisConnection> log_in_as_any(const LogIn& log_in, const std::vector<Login>& logins);

}  // namespace raibid
