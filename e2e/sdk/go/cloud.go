package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// resolved is what stands for a resolver: names, or patterns that begin with "*.", and their addresses.
type resolved map[string]string

func (r resolved) String() string { return fmt.Sprint(map[string]string(r)) }

func (r resolved) Set(text string) error {
	name, address, found := strings.Cut(text, "=")
	if !found {
		return fmt.Errorf("%q is not HOST=IP", text)
	}
	r[name] = address
	return nil
}

func (r resolved) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	for name, ip := range r {
		if name == host || strings.HasPrefix(name, "*.") && strings.HasSuffix(host, name[1:]) {
			host = ip
		}
	}
	return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(host, port))
}

// options are those of the suite; the ones that are not used here are taken and ignored.
type options struct {
	values  map[string]*string
	resolve resolved
	prefix  string
	client  policy.ClientOptions
}

func parse() (*options, error) {
	o := &options{values: map[string]*string{}, resolve: resolved{}}
	for _, name := range []string{
		"vault-url", "authority-host", "tenant", "client-id", "client-secret", "federated-token-file", "imds-url",
		"imds-client-id", "ca-file", "noperm-client-id", "noperm-client-secret", "wrong-aud-token-file",
		"wrong-sub-token-file", "wrong-iss-token-file", "expired-token-file", "other-resource",
	} {
		o.values[name] = flag.String(name, "", "as in the suite for Python")
	}
	flag.Var(o.resolve, "resolve", "HOST=IP")
	flag.Parse()
	random := make([]byte, 4)
	if _, err := rand.Read(random); err != nil {
		return nil, err
	}
	o.prefix = "go-" + hex.EncodeToString(random)
	ca, err := os.ReadFile(o.get("ca-file"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, errors.New("--ca-file holds no certificate")
	}
	transport := &http.Transport{
		DialContext:     o.resolve.dial,
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}
	o.client = policy.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: o.get("authority-host")},
		Transport: &http.Client{Transport: transport},
		// a refusal is an answer, and not tried again
		Retry: policy.RetryOptions{MaxRetries: -1},
	}
	return o, nil
}

func (o *options) get(name string) string { return *o.values[name] }

// bySecret is a client with its password.
func (o *options) bySecret(client, secret string) (azcore.TokenCredential, error) {
	return azidentity.NewClientSecretCredential(o.get("tenant"), client, secret, &azidentity.ClientSecretCredentialOptions{
		ClientOptions: o.client, DisableInstanceDiscovery: true,
	})
}

// byCertificate is a client with the key of its certificate, which it sends along or not.
func (o *options) byCertificate(send bool) (azcore.TokenCredential, error) {
	data, err := os.ReadFile(os.Getenv("PODWARD_SDK_CERTIFICATE"))
	if err != nil {
		return nil, err
	}
	certificates, key, err := azidentity.ParseCertificates(data, nil)
	if err != nil {
		return nil, err
	}
	return azidentity.NewClientCertificateCredential(o.get("tenant"), o.get("client-id"), certificates, key,
		&azidentity.ClientCertificateCredentialOptions{
			ClientOptions: o.client, DisableInstanceDiscovery: true, SendCertificateChain: send,
		})
}

// byStatement is a client with a statement of the cluster's issuer.
func (o *options) byStatement(file string) (azcore.TokenCredential, error) {
	return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions: o.client, DisableInstanceDiscovery: true,
		TenantID: o.get("tenant"), ClientID: o.get("client-id"), TokenFilePath: file,
	})
}

// refused fails unless an error is this refusal of a vault.
func refused(err error, status int, code string) error {
	var answer *azcore.ResponseError
	if !errors.As(err, &answer) {
		return fmt.Errorf("want %d %s, got: %w", status, code, err)
	}
	if answer.StatusCode != status || answer.ErrorCode != code {
		return fmt.Errorf("want %d %s, got %d %s", status, code, answer.StatusCode, answer.ErrorCode)
	}
	return nil
}

// says fails unless an error has the text.
func says(err error, text string) error {
	if err == nil || !strings.Contains(err.Error(), text) {
		return fmt.Errorf("no %s in: %w", text, err)
	}
	return nil
}
