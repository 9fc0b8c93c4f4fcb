#pragma once

#include <memory>
#include <string>

#include "sys/unique_fd.hpp"
#include "tools/transport.hpp"

namespace raibid {

/// A connection to a port of a pod, over a WebSocket of the Kubernetes API whose handshake is done (subprotocol
/// v4.channel.k8s.io, kubernetes: pkg/kubelet/cri/streaming/portforward/websocket.go): each message begins with its
/// channel, 0 for bytes, 1 for what the kubelet has to say of an error, and the first one of each channel is the port.
/// `received`: what came behind the handshake. `where`: how messages call it. `broken` is set when it ends otherwise
/// than by us. The transport throws Error (failure) with the kubelet's words.
std::unique_ptr<Transport> pod_transport(UniqueFd socket, std::string_view received, std::string where,
                                         std::shared_ptr<bool> broken);

}  // namespace raibid
