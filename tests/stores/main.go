// What raibid-cli writes for secret stores, read by the code of those who read it.
//
//	stores render FILE            FILE is what `export external-secret` wrote; the value that the store has comes on standard
//	                              input. External Secrets Operator's own template engine makes the Secret's data of it.
//	stores seal-key CERT KEY      makes a key pair as the controller of Sealed Secrets does
//	stores unseal KEY             a SealedSecret on standard input; the Secret's data, by the controller's own code
//
// On stdout: the Secret's data as JSON, base64 as in a manifest.
package main

import (
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
	"sigs.k8s.io/yaml"

	sealed "github.com/bitnami-labs/sealed-secrets/pkg/apis/sealedsecrets/v1alpha1"
	"github.com/bitnami-labs/sealed-secrets/pkg/crypto"
	esv1 "github.com/external-secrets/external-secrets/apis/externalsecrets/v1"
	template "github.com/external-secrets/external-secrets/pkg/template/v2"
)

const (
	keyBits  = 4096
	validFor = 24 * time.Hour
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "stores:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	switch {
	case len(arguments) == 2 && arguments[0] == "render":
		return render(arguments[1])
	case len(arguments) == 3 && arguments[0] == "seal-key":
		return sealKey(arguments[1], arguments[2])
	case len(arguments) == 2 && arguments[0] == "unseal":
		return unseal(arguments[1])
	}
	return errors.New("render FILE, seal-key CERT KEY, or unseal KEY, please")
}

func show(data map[string][]byte) error { return json.NewEncoder(os.Stdout).Encode(data) }

// As the operator does it: the values that `data` fetches, then the template over them, which replaces them.
func render(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	external := &esv1.ExternalSecret{}
	if err := yaml.UnmarshalStrict(text, external); err != nil {
		return err
	}
	value, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	fetched := map[string][]byte{}
	for _, one := range external.Spec.Data {
		fetched[one.SecretKey] = value
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: external.Spec.Target.Name}}
	if external.Spec.Target.Template == nil {
		return show(fetched)
	}
	templates := map[string][]byte{}
	for key, one := range external.Spec.Target.Template.Data {
		templates[key] = []byte(one)
	}
	if err := template.Execute(templates, fetched, esv1.TemplateScopeValues, esv1.TemplateTargetData, secret); err != nil {
		return err
	}
	return show(secret.Data)
}

func sealKey(certificate, key string) error {
	private, public, err := crypto.GeneratePrivateKeyAndCert(keyBits, validFor, "")
	if err != nil {
		return err
	}
	text, err := keyutil.MarshalPrivateKeyToPEM(private)
	if err != nil {
		return err
	}
	if err := keyutil.WriteKey(key, text); err != nil {
		return err
	}
	return cert.WriteCert(certificate, pem.EncodeToMemory(&pem.Block{Type: cert.CertificateBlockType, Bytes: public.Raw}))
}

func unseal(keyFile string) error {
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return err
	}
	parsed, err := keyutil.ParsePrivateKeyPEM(key)
	if err != nil {
		return err
	}
	private, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return errors.New("no RSA key in " + keyFile)
	}
	fingerprint, err := crypto.PublicKeyFingerprint(&private.PublicKey)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	one := &sealed.SealedSecret{}
	if err := yaml.UnmarshalStrict(text, one); err != nil {
		return err
	}
	secret, err := one.Unseal(scheme.Codecs, map[string]*rsa.PrivateKey{fingerprint: private})
	if err != nil {
		return err
	}
	return show(secret.Data)
}
