//go:build tools

// Kept in go.mod: kubeseal is built from it, and the kinds of the Secrets Store CSI driver are taken from it.
package main

import (
	_ "github.com/bitnami-labs/sealed-secrets/cmd/kubeseal"
	_ "sigs.k8s.io/secrets-store-csi-driver/apis/v1"
)
