// login reads a secret as the identity that the pod was given: by the variables and the token file that
// azure-workload-identity's webhook, or another one, has put there.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
)

func run(vault, name string) error {
	credential, err := azidentity.NewWorkloadIdentityCredential(nil)
	if err != nil {
		return err
	}
	client, err := azsecrets.NewClient(vault, credential, nil)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	secret, err := client.GetSecret(ctx, name, "", nil)
	if err != nil {
		return err
	}
	fmt.Println(*secret.Value)
	return nil
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: login VAULT-URL SECRET")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
