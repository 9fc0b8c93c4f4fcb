//go:build tools

// Package certmanager names what `build` builds, so that go.mod keeps its modules.
package certmanager

import _ "github.com/cert-manager/cert-manager/cmd/controller"
