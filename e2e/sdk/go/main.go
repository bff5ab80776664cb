// The Azure SDK for Go, unmodified, against the local cloud.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azcertificates"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
)

// suite holds the clients of one credential.
type suite struct {
	*options
	ctx          context.Context
	secrets      *azsecrets.Client
	keys         *azkeys.Client
	certificates *azcertificates.Client
}

func (o *options) clients(credential azcore.TokenCredential) (*suite, error) {
	vault := o.get("vault-url")
	secrets, err := azsecrets.NewClient(vault, credential, &azsecrets.ClientOptions{ClientOptions: o.client})
	if err != nil {
		return nil, err
	}
	keys, err := azkeys.NewClient(vault, credential, &azkeys.ClientOptions{ClientOptions: o.client})
	if err != nil {
		return nil, err
	}
	certificates, err := azcertificates.NewClient(vault, credential, &azcertificates.ClientOptions{ClientOptions: o.client})
	if err != nil {
		return nil, err
	}
	return &suite{o, context.Background(), secrets, keys, certificates}, nil
}

func run() error {
	o, err := parse()
	if err != nil {
		return err
	}
	credential, err := o.byStatement(o.get("federated-token-file"))
	if err != nil {
		return err
	}
	s, err := o.clients(credential)
	if err != nil {
		return err
	}
	cases := []struct {
		name string
		run  func() error
	}{
		{"secret: set, get, update, versions", s.secret},
		{"secrets: list over two pages", s.list},
		{"secret: delete, recover, purge, backup, restore", s.recover},
		{"key: RSA signs, verifies, decrypts, unwraps", s.rsa},
		{"key: EC signs and verifies, delete, recover", s.ec},
		{"certificate: create and download, PEM", func() error { return s.certificate("application/x-pem-file") }},
		{"certificate: create and download, PKCS#12", func() error { return s.certificate("application/x-pkcs12") }},
		{"refused: a client without rights", s.withoutRights},
		{"refused: a wrong password, and a statement of another subject", s.unproven},
		{"secret: read with a password", func() error { return s.readsWith(s.bySecret(s.get("client-id"), s.get("client-secret"))) }},
		{"secret: read with a certificate, known", func() error { return s.readsWith(s.byCertificate(false)) }},
		{"secret: read with a certificate, sent along", func() error { return s.readsWith(s.byCertificate(true)) }},
	}
	failed := 0
	for _, one := range cases {
		if err := one.run(); err != nil {
			failed++
			fmt.Println("FAIL", one.name, err)
		} else {
			fmt.Println("PASS", one.name)
		}
	}
	fmt.Printf("%d passed, %d failed\n", len(cases)-failed, failed)
	if failed > 0 {
		return errors.New("not all passed")
	}
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
