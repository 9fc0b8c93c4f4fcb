//go:build tools

// The policy engine of the test cluster, as its project publishes it: `tests/cluster/build policies` builds it.
package policies

import _ "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"
