package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/azstore"
	"github.com/tidegate/tidegate/backends/gcsstore"
	"github.com/tidegate/tidegate/backends/localstore"
	"github.com/tidegate/tidegate/backends/s3store"
	"github.com/tidegate/tidegate/config"
)

// openStores opens every store, or says what is wrong with each that cannot be. It asks none of them anything: a bucket that cannot be reached
// now can be reached later.
func openStores(ctx context.Context, c *config.Config, log *slog.Logger) (map[string]*backends.Store, error) {
	memory := backends.NewMemory(int64(c.Memory))
	stores := make(map[string]*backends.Store, len(c.Stores))
	var errs []error
	for i, s := range c.Stores {
		driver, err := openDriver(ctx, s)
		if err != nil {
			errs = append(errs, fmt.Errorf("stores[%d] (%s): %w", i, s.Name, err))
			continue
		}
		stores[s.Name] = backends.NewStore(s.Name, driver, backends.StoreOptions{Memory: memory, Logger: log})
	}
	if len(errs) > 0 {
		return nil, errors.Join(append(errs, closeStores(stores))...)
	}
	return stores, nil
}

func openDriver(ctx context.Context, s config.Store) (backends.Driver, error) {
	switch s.Type {
	case config.StoreS3:
		return s3store.New(ctx, s3Options(s))
	case config.StoreGCS:
		return gcsstore.New(ctx, gcsOptions(s))
	case config.StoreAzure:
		return azstore.New(azureOptions(s))
	case config.StoreLocal:
		return localstore.New(localstore.Options{Path: s.Path})
	}
	return nil, fmt.Errorf("no driver for type %q", s.Type)
}

func s3Options(s config.Store) s3store.Options {
	return s3store.Options{
		Bucket:       s.Bucket,
		Endpoint:     string(s.Endpoint),
		Region:       s.Region,
		PathStyle:    s.PathStyle,
		AccessKey:    string(s.AccessKey),
		SecretKey:    string(s.SecretKey),
		SessionToken: string(s.SessionToken),
		Checksum:     string(s.Checksum),
		StorageClass: s.StorageClass,
		ACL:          s.ACL,
		RequestPayer: s.RequesterPays,
		Encryption: s3store.Encryption{
			ServerSide:  s.ServerSideEncryption,
			KMSKeyID:    s.KMSKeyID,
			BucketKey:   s.BucketKey,
			CustomerKey: string(s.CustomerKey),
		},
		Role: s3store.Role{
			ARN:             s.RoleARN,
			ExternalID:      s.ExternalID,
			SessionName:     s.RoleSessionName,
			SessionDuration: s.SessionDuration,
			STSEndpoint:     string(s.STSEndpoint),
			UserCredentials: s.UserCredentials,
		},
	}
}

func gcsOptions(s config.Store) gcsstore.Options {
	return gcsstore.Options{
		Bucket:          s.Bucket,
		Endpoint:        string(s.Endpoint),
		CredentialsJSON: string(s.Credentials),
		Impersonate:     s.Impersonate,
		KMSKey:          s.KMSKey,
		EncryptionKey:   string(s.CustomerKey),
		StorageClass:    s.StorageClass,
		ACL:             s.ACL,
		UserProject:     s.UserProject,
	}
}

func azureOptions(s config.Store) azstore.Options {
	return azstore.Options{
		Container:        s.Container,
		Account:          s.Account,
		Endpoint:         string(s.Endpoint),
		AccountKey:       string(s.AccountKey),
		SASToken:         string(s.SASToken),
		ConnectionString: string(s.ConnectionString),
		ClientID:         s.ClientID,
		TenantID:         s.TenantID,
		Tier:             s.StorageClass,
		EncryptionScope:  s.EncryptionScope,
		CustomerKey:      string(s.CustomerKey),
		Hierarchical:     s.Hierarchical,
	}
}

// closeStores closes them side by side: one that is away takes its time to end its uploads.
func closeStores(stores map[string]*backends.Store) error {
	closed := make(chan error, len(stores))
	for name, store := range stores {
		go func() {
			err := store.Close()
			if err != nil {
				err = fmt.Errorf("closing store %s: %w", name, err)
			}
			closed <- err
		}()
	}
	var errs []error
	for range stores {
		errs = append(errs, <-closed)
	}
	return errors.Join(errs...)
}
