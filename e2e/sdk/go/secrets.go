package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azcertificates"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
)

func (s *suite) set(name, value string) (azsecrets.SetSecretResponse, error) {
	return s.secrets.SetSecret(s.ctx, name, azsecrets.SetSecretParameters{Value: &value}, nil)
}

func (s *suite) reads(name, version, want string) error {
	got, err := s.secrets.GetSecret(s.ctx, name, version, nil)
	if err != nil {
		return err
	}
	if *got.Value != want {
		return fmt.Errorf("%s is %q, not %q", name, *got.Value, want)
	}
	return nil
}

func (s *suite) purge(name string) error {
	if _, err := s.secrets.DeleteSecret(s.ctx, name, nil); err != nil {
		return err
	}
	_, err := s.secrets.PurgeDeletedSecret(s.ctx, name, nil)
	return err
}

func (s *suite) secret() error {
	name := s.prefix + "-one"
	first, err := s.set(name, "first")
	if err != nil {
		return err
	}
	expires := time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)
	second := azsecrets.SetSecretParameters{
		Value:            to.Ptr("zweite ✓"),
		ContentType:      to.Ptr("text/plain"),
		Tags:             map[string]*string{"a": to.Ptr("b")},
		SecretAttributes: &azsecrets.SecretAttributes{Expires: &expires},
	}
	made, err := s.secrets.SetSecret(s.ctx, name, second, nil)
	if err != nil {
		return err
	}
	if !made.Attributes.Expires.Equal(expires) || *made.Tags["a"] != "b" || *made.ContentType != "text/plain" {
		return fmt.Errorf("it is not what was set: %+v", made)
	}
	version := first.ID.Version()
	if err := errors.Join(s.reads(name, "", "zweite ✓"), s.reads(name, version, "first")); err != nil {
		return err
	}
	off := azsecrets.UpdateSecretPropertiesParameters{SecretAttributes: &azsecrets.SecretAttributes{Enabled: to.Ptr(false)}}
	if _, err := s.secrets.UpdateSecretProperties(s.ctx, name, version, off, nil); err != nil {
		return err
	}
	if err := refused(s.reads(name, version, ""), 403, "Forbidden"); err != nil {
		return err
	}
	seen := map[string]bool{}
	for pager := s.secrets.NewListSecretPropertiesVersionsPager(name, nil); pager.More(); {
		page, err := pager.NextPage(s.ctx)
		if err != nil {
			return err
		}
		for _, one := range page.Value {
			seen[one.ID.Version()] = true
		}
	}
	if len(seen) != 2 || !seen[version] || !seen[made.ID.Version()] {
		return fmt.Errorf("versions are %v", seen)
	}
	return s.purge(name)
}

func (s *suite) list() error {
	wanted := map[string]bool{}
	for n := range 27 {
		name := fmt.Sprintf("%s-list-%d", s.prefix, n)
		wanted[name] = true
		if _, err := s.set(name, "x"); err != nil {
			return err
		}
	}
	pages := 0
	for pager := s.secrets.NewListSecretPropertiesPager(nil); pager.More(); pages++ {
		page, err := pager.NextPage(s.ctx)
		if err != nil {
			return err
		}
		for _, one := range page.Value {
			name := one.ID.Name()
			if wanted[name] {
				delete(wanted, name)
				if err := s.purge(name); err != nil {
					return err
				}
			}
		}
	}
	if pages < 2 || len(wanted) > 0 {
		return fmt.Errorf("%d pages, without %v", pages, wanted)
	}
	return nil
}

func (s *suite) recover() error {
	name := s.prefix + "-gone"
	if _, err := s.set(name, "back again"); err != nil {
		return err
	}
	backup, err := s.secrets.BackupSecret(s.ctx, name, nil)
	if err != nil {
		return err
	}
	deleted, err := s.secrets.DeleteSecret(s.ctx, name, nil)
	if err != nil {
		return err
	}
	if !deleted.ScheduledPurgeDate.After(*deleted.DeletedDate) {
		return fmt.Errorf("deleted %v, to be purged %v", deleted.DeletedDate, deleted.ScheduledPurgeDate)
	}
	if err := refused(s.reads(name, "", ""), 404, "SecretNotFound"); err != nil {
		return err
	}
	if _, err := s.set(name, "x"); refused(err, 409, "Conflict") != nil {
		return refused(err, 409, "Conflict")
	}
	if _, err := s.secrets.RecoverDeletedSecret(s.ctx, name, nil); err != nil {
		return err
	}
	if err := errors.Join(s.reads(name, "", "back again"), s.purge(name)); err != nil {
		return err
	}
	if _, err := s.secrets.GetDeletedSecret(s.ctx, name, nil); refused(err, 404, "SecretNotFound") != nil {
		return refused(err, 404, "SecretNotFound")
	}
	if _, err := s.secrets.RestoreSecret(s.ctx, azsecrets.RestoreSecretParameters{SecretBackup: backup.Value}, nil); err != nil {
		return err
	}
	return errors.Join(s.reads(name, "", "back again"), s.purge(name))
}

func (s *suite) withoutRights() error {
	credential, err := s.bySecret(s.get("noperm-client-id"), s.get("noperm-client-secret"))
	if err != nil {
		return err
	}
	nobody, err := s.clients(credential)
	if err != nil {
		return err
	}
	_, secret := nobody.secrets.GetSecret(s.ctx, "any", "", nil)
	_, key := nobody.keys.CreateKey(s.ctx, "any", azkeys.CreateKeyParameters{Kty: to.Ptr(azkeys.KeyTypeEC)}, nil)
	_, certificate := nobody.certificates.GetCertificate(s.ctx, "any", "", nil)
	_, policy := nobody.certificates.CreateCertificate(s.ctx, "any", azcertificates.CreateCertificateParameters{}, nil)
	for _, err := range []error{secret, key, certificate, policy} {
		if err := refused(err, 403, "Forbidden"); err != nil {
			return err
		}
	}
	return nil
}

func (s *suite) unproven() error {
	wrong, err := s.bySecret(s.get("client-id"), "wrong")
	if err != nil {
		return err
	}
	stranger, err := s.byStatement(s.get("wrong-sub-token-file"))
	if err != nil {
		return err
	}
	first, err := s.clients(wrong)
	if err != nil {
		return err
	}
	second, err := s.clients(stranger)
	if err != nil {
		return err
	}
	return errors.Join(
		says(first.reads("any", "", ""), "AADSTS7000215"),
		says(second.reads("any", "", ""), "AADSTS700213"),
	)
}

func (s *suite) readsWith(credential azcore.TokenCredential, err error) error {
	if err != nil {
		return err
	}
	other, err := s.clients(credential)
	if err != nil {
		return err
	}
	name := s.prefix + "-read"
	if _, err := other.set(name, "seen"); err != nil {
		return err
	}
	return errors.Join(other.reads(name, "", "seen"), other.purge(name))
}
