package main

import (
	"log/slog"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/config"
)

// oneOfEach is a store of each type, as little of it as opens.
func oneOfEach(t *testing.T) map[string]config.Store {
	t.Helper()
	return map[string]config.Store{
		"s3":    {Type: config.StoreS3, Bucket: "drop", Region: "eu-central-1", AccessKey: "key", SecretKey: "secret"},
		"gcs":   {Type: config.StoreGCS, Bucket: "drop", Endpoint: "http://127.0.0.1:1"},
		"azure": {Type: config.StoreAzure, Container: "drop", Account: "acct", AccountKey: "c2VjcmV0"},
		"local": {Type: config.StoreLocal, Path: filepath.Join(t.TempDir(), "data")},
	}
}

// TestStoreTypesAgree: each type of config has a driver, and the keys that it refuses for some
// types are those that their drivers can do nothing with.
func TestStoreTypesAgree(t *testing.T) {
	types := oneOfEach(t)
	require.Len(t, types, len(strings.Fields(tagOf[config.Store](t, "Type", "oneof"))))
	for name, store := range types {
		driver, err := openDriver(t.Context(), store)
		require.NoError(t, err, name)
		caps, _ := driver.Describe()
		require.NoError(t, driver.Close())
		for field, need := range map[string]backends.Caps{"Tags": backends.CapTags, "StorageClass": backends.CapStorageClass} {
			keyed := slices.Contains(strings.Fields(tagOf[config.Store](t, field, "only")), name)
			require.Equal(t, caps.Has(need), keyed, "%s of %s", field, name)
		}
		if name != "local" { // where the file system tells
			require.True(t, caps.Has(backends.CapMetadata), name)
		}
	}
	_, err := openDriver(t.Context(), config.Store{Type: "tape"})
	require.EqualError(t, err, `no driver for type "tape"`)
}

// TestEveryOptionHasAKey fills in every key, and finds each in the options of the drivers.
func TestEveryOptionHasAKey(t *testing.T) {
	var all config.Store
	fill(reflect.ValueOf(&all).Elem())
	require.Empty(t, empty("s3", reflect.ValueOf(s3Options(all))))
	require.Equal(t, []string{"gcs.CredentialsFile"}, empty("gcs", reflect.ValueOf(gcsOptions(all))), "config reads that file itself")
	require.Empty(t, empty("azure", reflect.ValueOf(azureOptions(all))))
}

func fill(v reflect.Value) {
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			f.SetString("x")
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Int64:
			f.SetInt(1)
		}
	}
}

// empty returns the fields of a struct that are not set.
func empty(at string, v reflect.Value) []string {
	var names []string
	for i := range v.NumField() {
		name, f := at+"."+v.Type().Field(i).Name, v.Field(i)
		if f.Kind() == reflect.Struct {
			names = append(names, empty(name, f)...)
		} else if f.IsZero() {
			names = append(names, name)
		}
	}
	return names
}

// TestOpenStoresNamesTheStore: what only a driver can know to be wrong is told with the place.
func TestOpenStoresNamesTheStore(t *testing.T) {
	each := oneOfEach(t)
	broken := each["azure"]
	broken.Name, broken.AccountKey, broken.ConnectionString, broken.Account = "blobs", "", "AccountName=acct;AccountKeyy=hunter2", ""
	good := each["local"]
	good.Name = "disk"
	_, err := openStores(t.Context(), &config.Config{Stores: []config.Store{good, broken}}, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "stores[1] (blobs): connection_string: ")
	require.NotContains(t, err.Error(), "hunter2")
}
