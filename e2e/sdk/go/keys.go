package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azcertificates"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"
)

func (s *suite) purgeKey(name string) error {
	if _, err := s.keys.DeleteKey(s.ctx, name, nil); err != nil {
		return err
	}
	_, err := s.keys.PurgeDeletedKey(s.ctx, name, nil)
	return err
}

// signs signs a digest, and has the vault verify it and refuse it for another.
func (s *suite) signs(name string, algorithm azkeys.SignatureAlgorithm, digest []byte) ([]byte, error) {
	signed, err := s.keys.Sign(s.ctx, name, "", azkeys.SignParameters{Algorithm: &algorithm, Value: digest}, nil)
	if err != nil {
		return nil, err
	}
	other := bytes.Clone(digest)
	other[0] ^= 1
	for _, one := range []struct {
		digest []byte
		want   bool
	}{{digest, true}, {other, false}} {
		asked := azkeys.VerifyParameters{Algorithm: &algorithm, Digest: one.digest, Signature: signed.Result}
		verified, err := s.keys.Verify(s.ctx, name, "", asked, nil)
		if err != nil {
			return nil, err
		}
		if *verified.Value != one.want {
			return nil, fmt.Errorf("%s: verified is %v, not %v", algorithm, *verified.Value, one.want)
		}
	}
	return signed.Result, nil
}

func (s *suite) rsa() error {
	name := s.prefix + "-rsa"
	asked := azkeys.CreateKeyParameters{Kty: to.Ptr(azkeys.KeyTypeRSA), KeySize: to.Ptr(int32(2048))}
	made, err := s.keys.CreateKey(s.ctx, name, asked, nil)
	if err != nil {
		return err
	}
	public := &rsa.PublicKey{N: new(big.Int).SetBytes(made.Key.N), E: int(new(big.Int).SetBytes(made.Key.E).Int64())}
	digest := sha256.Sum256([]byte("to be signed"))
	signature, err := s.signs(name, azkeys.SignatureAlgorithmRS256, digest[:])
	if err != nil {
		return err
	}
	if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature); err != nil {
		return err
	}
	signature, err = s.signs(name, azkeys.SignatureAlgorithmPS256, digest[:])
	if err != nil {
		return err
	}
	if err := rsa.VerifyPSS(public, crypto.SHA256, digest[:], signature, nil); err != nil {
		return err
	}
	for _, algorithm := range []azkeys.EncryptionAlgorithm{
		azkeys.EncryptionAlgorithmRSAOAEP, azkeys.EncryptionAlgorithmRSAOAEP256,
	} {
		with := func(value []byte) azkeys.KeyOperationParameters {
			return azkeys.KeyOperationParameters{Algorithm: &algorithm, Value: value}
		}
		sealed, err := s.keys.Encrypt(s.ctx, name, "", with(digest[:]), nil)
		if err != nil {
			return err
		}
		opened, err := s.keys.Decrypt(s.ctx, name, "", with(sealed.Result), nil)
		if err != nil {
			return err
		}
		wrapped, err := s.keys.WrapKey(s.ctx, name, "", with(digest[:]), nil)
		if err != nil {
			return err
		}
		unwrapped, err := s.keys.UnwrapKey(s.ctx, name, "", with(wrapped.Result), nil)
		if err != nil {
			return err
		}
		if !bytes.Equal(opened.Result, digest[:]) || !bytes.Equal(unwrapped.Result, digest[:]) {
			return fmt.Errorf("%s gives something else back", algorithm)
		}
	}
	rotated, err := s.keys.RotateKey(s.ctx, name, nil)
	if err != nil {
		return err
	}
	if rotated.Key.KID.Version() == made.Key.KID.Version() {
		return errors.New("rotation made no version")
	}
	return s.purgeKey(name)
}

func (s *suite) ec() error {
	short, long, longest := sha256.Sum256([]byte("x")), sha512.Sum384([]byte("x")), sha512.Sum512([]byte("x"))
	for _, one := range []struct {
		curve     azkeys.CurveName
		algorithm azkeys.SignatureAlgorithm
		digest    []byte
	}{
		{azkeys.CurveNameP256, azkeys.SignatureAlgorithmES256, short[:]},
		{azkeys.CurveNameP256K, azkeys.SignatureAlgorithmES256K, short[:]},
		{azkeys.CurveNameP384, azkeys.SignatureAlgorithmES384, long[:]},
		{azkeys.CurveNameP521, azkeys.SignatureAlgorithmES512, longest[:]},
	} {
		name := s.prefix + "-" + string(one.curve)
		asked := azkeys.CreateKeyParameters{Kty: to.Ptr(azkeys.KeyTypeEC), Curve: &one.curve}
		if _, err := s.keys.CreateKey(s.ctx, name, asked, nil); err != nil {
			return err
		}
		if _, err := s.signs(name, one.algorithm, one.digest); err != nil {
			return err
		}
		if _, err := s.keys.DeleteKey(s.ctx, name, nil); err != nil {
			return err
		}
		if _, err := s.keys.GetKey(s.ctx, name, "", nil); refused(err, 404, "KeyNotFound") != nil {
			return refused(err, 404, "KeyNotFound")
		}
		if _, err := s.keys.RecoverDeletedKey(s.ctx, name, nil); err != nil {
			return err
		}
		if _, err := s.keys.GetKey(s.ctx, name, "", nil); err != nil {
			return err
		}
		if err := s.purgeKey(name); err != nil {
			return err
		}
	}
	return nil
}

// completes waits until a certificate has been made.
func (s *suite) completes(name string) error {
	for range 100 {
		operation, err := s.certificates.GetCertificateOperation(s.ctx, name, nil)
		if err != nil {
			return err
		}
		if *operation.Status != "inProgress" {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return errors.New("it does not come to an end")
}

func (s *suite) certificate(contentType string) error {
	name := s.prefix + "-web"
	asked := azcertificates.CreateCertificateParameters{CertificatePolicy: &azcertificates.CertificatePolicy{
		IssuerParameters: &azcertificates.IssuerParameters{Name: to.Ptr("Self")},
		SecretProperties: &azcertificates.SecretProperties{ContentType: &contentType},
		X509CertificateProperties: &azcertificates.X509CertificateProperties{
			Subject:                 to.Ptr("CN=web.shop.example"),
			SubjectAlternativeNames: &azcertificates.SubjectAlternativeNames{DNSNames: []*string{to.Ptr("web.shop.example")}},
		},
	}}
	if _, err := s.certificates.CreateCertificate(s.ctx, name, asked, nil); err != nil {
		return err
	}
	if err := s.completes(name); err != nil {
		return err
	}
	made, err := s.certificates.GetCertificate(s.ctx, name, "", nil)
	if err != nil {
		return err
	}
	public, err := x509.ParseCertificate(made.CER)
	if err != nil {
		return err
	}
	if err := public.VerifyHostname("web.shop.example"); err != nil {
		return err
	}
	secret, err := s.secrets.GetSecret(s.ctx, name, "", nil)
	if err != nil {
		return err
	}
	if contentType == "application/x-pem-file" {
		err = matches(*secret.Value, public)
	} else {
		_, err = base64.StdEncoding.DecodeString(*secret.Value)
	}
	if err != nil {
		return err
	}
	if _, err := s.certificates.DeleteCertificate(s.ctx, name, nil); err != nil {
		return err
	}
	if _, err := s.certificates.RecoverDeletedCertificate(s.ctx, name, nil); err != nil {
		return err
	}
	if _, err := s.certificates.DeleteCertificate(s.ctx, name, nil); err != nil {
		return err
	}
	_, err = s.certificates.PurgeDeletedCertificate(s.ctx, name, nil)
	return err
}

// matches fails unless a PEM text holds this certificate and its key.
func matches(text string, public *x509.Certificate) error {
	key, rest := pem.Decode([]byte(text))
	certificate, _ := pem.Decode(rest)
	if key == nil || certificate == nil || !bytes.Equal(certificate.Bytes, public.Raw) {
		return errors.New("the secret holds another certificate")
	}
	private, err := x509.ParsePKCS8PrivateKey(key.Bytes)
	if err != nil {
		return err
	}
	switch private := private.(type) {
	case *rsa.PrivateKey:
		if private.PublicKey.Equal(public.PublicKey) {
			return nil
		}
	case *ecdsa.PrivateKey:
		if private.PublicKey.Equal(public.PublicKey) {
			return nil
		}
	}
	return errors.New("the secret holds another key")
}
