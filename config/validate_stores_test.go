package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/config"
)

// key256 is 32 bytes in base64.
const key256 = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U="

// withStore is a whole configuration of one store, of these keys in the flow style of YAML, and of one mount of
// it by a user, who is the anonymous one too.
func withStore(store, mount string) string {
	if mount != "" {
		mount = ", " + mount
	}
	return fmt.Sprintf(`
listeners: [{ address: "127.0.0.1:2121" }]
stores: [{ name: lake, %s }]
users: [{ name: jörg, password_hash: x, mounts: [{ path: /, store: lake, permissions: [all]%s }] }]
`, store, mount)
}

func TestStores(t *testing.T) {
	for text, want := range map[string]config.Store{
		`type: s3, bucket: drop, role_arn: "arn:aws:iam::1:role/x", external_id: e, role_session_name: gate, session_duration: 30m,
		  sts_endpoint: "https://sts.example.com", user_credentials: true, server_side_encryption: "aws:kms", kms_key_id: k, bucket_key: true,
		  acl: bucket-owner-full-control, requester_pays: true, storage_class: STANDARD_IA, metadata: [user, sha256],
		  tags: [{ name: from, value: "ftp {user}@x" }, { name: Größe }]`: {
			Type: config.StoreS3, Bucket: "drop", Checksum: config.ChecksumCRC64NVME,
			RoleARN: "arn:aws:iam::1:role/x", ExternalID: "e", RoleSessionName: "gate", SessionDuration: 30 * time.Minute,
			STSEndpoint: "https://sts.example.com", UserCredentials: true, ServerSideEncryption: "aws:kms", KMSKeyID: "k", BucketKey: true,
			ACL: "bucket-owner-full-control", RequesterPays: true, StorageClass: "STANDARD_IA", Metadata: []string{"user", "sha256"},
			Tags: []config.Tag{{Name: "from", Value: "ftp {user}@x"}, {Name: "Größe"}},
		},
		`type: s3, bucket: drop, customer_key: ` + key256: {
			Type: config.StoreS3, Bucket: "drop", Checksum: config.ChecksumCRC64NVME, CustomerKey: key256,
		},
		`type: gcs, bucket: drop`: {Type: config.StoreGCS, Bucket: "drop"},
		`type: gcs, bucket: drop, endpoint: "http://127.0.0.1:4443/", credentials: '{"type": "service_account"}', impersonate: a@b.iam,
		  kms_key: projects/p/locations/l/keyRings/r/cryptoKeys/k, acl: bucketOwnerFullControl, user_project: p-1, storage_class: NEARLINE, metadata: none`: {
			Type: config.StoreGCS, Bucket: "drop", Endpoint: "http://127.0.0.1:4443/", Credentials: `{"type": "service_account"}`,
			Impersonate: "a@b.iam", KMSKey: "projects/p/locations/l/keyRings/r/cryptoKeys/k", ACL: "bucketOwnerFullControl",
			UserProject: "p-1", StorageClass: "NEARLINE", Metadata: []string{"none"},
		},
		`type: azure, container: drop, account: acct, client_id: c, tenant_id: t, encryption_scope: scope, hierarchical: true`: {
			Type: config.StoreAzure, Container: "drop", Account: "acct", ClientID: "c", TenantID: "t", EncryptionScope: "scope", Hierarchical: true,
		},
		`type: azure, container: drop, endpoint: "http://127.0.0.1:10000/acct", account: acct, account_key: ` + key256: {
			Type: config.StoreAzure, Container: "drop", Endpoint: "http://127.0.0.1:10000/acct", Account: "acct", AccountKey: key256,
		},
		`type: azure, container: drop, endpoint: "https://acct.blob.core.windows.net", sas_token: "?sv=1&sig=x"`: {
			Type: config.StoreAzure, Container: "drop", Endpoint: "https://acct.blob.core.windows.net", SASToken: "?sv=1&sig=x",
		},
		`type: azure, container: $web, connection_string: "AccountName=acct;AccountKey=eA==", storage_class: Cool, customer_key: ` + key256: {
			Type: config.StoreAzure, Container: "$web", ConnectionString: "AccountName=acct;AccountKey=eA==", StorageClass: "Cool", CustomerKey: key256,
		},
	} {
		c, err := load(t, withStore(text, ""))
		require.NoError(t, err, text)
		want.Name = "lake"
		require.Equal(t, []config.Store{want}, c.Stores)
		require.Empty(t, c.Warnings())
	}
}

func TestWrongStores(t *testing.T) {
	const (
		s3    = `type: s3, bucket: drop`
		gcs   = `type: gcs, bucket: drop`
		azure = `type: azure, container: drop, account: acct`
		local = `type: local, path: data`
	)
	for _, test := range []struct{ store, mount, want string }{
		{s3 + `, external_id: e`, ``, `stores[0].role_arn: missing, expected as external_id is given`},
		{s3 + `, session_duration: 1h`, ``, `stores[0].role_arn: missing, expected as session_duration is given`},
		{s3 + `, user_credentials: true`, ``, `stores[0].role_arn: missing, expected as user_credentials is given`},
		{s3 + `, role_arn: role`, ``, `stores[0].role_arn: got "role", expected the ARN of a role such as arn:aws:iam::123456789012:role/name`},
		{s3 + `, role_arn: "arn:x", session_duration: 1m`, ``, `stores[0].session_duration: got "1m", expected 15m to 12h`},
		{s3 + `, server_side_encryption: kms`, ``, `stores[0].server_side_encryption: got "kms", expected one of AES256, aws:kms, aws:kms:dsse`},
		{s3 + `, kms_key_id: k`, ``, `stores[0].kms_key_id: given without server_side_encryption aws:kms or aws:kms:dsse`},
		{s3 + `, server_side_encryption: AES256, bucket_key: true`, ``, `stores[0].bucket_key: given without server_side_encryption aws:kms`},
		{s3 + `, server_side_encryption: AES256, customer_key: ` + key256, ``, `stores[0].customer_key: given together with server_side_encryption, expected one of them`},
		{s3 + `, customer_key: aHVudGVyMg==`, ``, `stores[0].customer_key: expected 32 bytes in base64`},
		{s3 + `, endpoint: "http://h", customer_key: ` + key256, ``, `stores[0].customer_key: given with an endpoint without https, where it could be read on the way`},
		{s3 + `, acl: publicRead`, ``, `stores[0].acl: got "publicRead", expected one of private, public-read, public-read-write, authenticated-read, aws-exec-read, bucket-owner-read, bucket-owner-full-control`},
		{s3 + `, storage_class: "a b"`, ``, `stores[0].storage_class: got "a b", expected a word such as STANDARD_IA`},
		{s3 + `, metadata: [user, none]`, ``, `stores[0].metadata: got none and others, expected none alone`},
		{s3 + `, metadata: [name]`, ``, `stores[0].metadata[0]: got "name", expected one of user, client, session, upload, sha256, none`},
		{s3 + `, container: drop`, ``, `stores[0].container: expected only in a store of type azure`},
		{s3 + `, credentials_file: /nowhere`, ``, `stores[0].credentials_file: expected only in a store of type gcs`},

		{`type: gcs`, ``, `stores[0].bucket: missing, expected the name of a bucket`},
		{gcs + `, credentials: hunter2`, ``, `stores[0].credentials: expected the JSON of a service account's key or of other credentials that gcloud writes`},
		{gcs + `, credentials_file: /nowhere`, ``, `stores[0].credentials_file: open /nowhere: no such file or directory`},
		{gcs + `, impersonate: me`, ``, `stores[0].impersonate: got "me", expected the e-mail address of a service account`},
		{gcs + `, endpoint: "http://h/storage/v1"`, ``, `stores[0].endpoint: got "http://h/storage/v1", expected a URL without a path`},
		{gcs + `, kms_key: k`, ``, `stores[0].kms_key: got "k", expected projects/P/locations/L/keyRings/R/cryptoKeys/K`},
		{gcs + `, kms_key: projects/p/locations/l/keyRings/r/cryptoKeys/k, customer_key: ` + key256, ``, `stores[0].customer_key: given together with kms_key, expected one of them`},
		{gcs + `, user_project: "My Project"`, ``, `stores[0].user_project: got "My Project", expected the ID of a project`},
		{gcs + `, acl: public-read`, ``, `stores[0].acl: got "public-read", expected one of authenticatedRead, bucketOwnerFullControl, bucketOwnerRead, private, projectPrivate, publicRead`},
		{gcs + `, storage_class: Cool`, ``, `stores[0].storage_class: got "Cool", expected one of STANDARD, NEARLINE, COLDLINE, ARCHIVE, MULTI_REGIONAL, REGIONAL, DURABLE_REDUCED_AVAILABILITY`},
		{gcs + `, tags: [{ name: a }]`, ``, `stores[0].tags: expected only in a store of type s3, azure`},

		{`type: azure, account: acct`, ``, `stores[0].container: missing, expected the name of a container`},
		{`type: azure, account: acct, container: Drop`, ``, `stores[0].container: got "Drop", expected the name of a container: 3 to 63 lower-case letters, digits and single -`},
		{`type: azure, container: drop`, ``, `stores[0].account: missing, expected the name of a storage account`},
		{`type: azure, container: drop, endpoint: "http://h", account_key: eA==`, ``, `stores[0].account: missing, expected the name of a storage account`},
		{`type: azure, container: drop, account: My-Account`, ``, `stores[0].account: got "My-Account", expected the name of a storage account: 3 to 24 lower-case letters and digits`},
		{azure + `, account_key: eA==, sas_token: "sv=1&sig=x"`, ``, `stores[0].sas_token: given together with account_key, expected one of them`},
		{azure + `, account_key: hunter2!`, ``, `stores[0].account_key: expected a key in base64, as the portal shows it`},
		{azure + `, sas_token: hunter2`, ``, `stores[0].sas_token: expected a shared access signature such as sv=…&sig=…`},
		{azure + `, connection_string: "AccountName=acct"`, ``, `stores[0].account: given together with connection_string, which says it`},
		{`type: azure, container: drop, endpoint: "http://h", connection_string: "AccountName=acct"`, ``, `stores[0].endpoint: given together with connection_string, which says it`},
		{azure + `, account_key: eA==, client_id: c, tenant_id: t`, ``, `stores[0].client_id: given together with account_key, which says who it is
stores[0].tenant_id: given together with account_key, which says who it is`},
		{azure + `, encryption_scope: a/b`, ``, `stores[0].encryption_scope: got "a/b", expected the name of an encryption scope`},
		{azure + `, encryption_scope: abc, customer_key: ` + key256, ``, `stores[0].customer_key: given together with encryption_scope, expected one of them`},
		{azure + `, storage_class: COOL`, ``, `stores[0].storage_class: got "COOL", expected one of Hot, Cool, Cold, Archive`},
		{azure + `, hierarchical: true, tags: [{ name: a }]`, ``, `stores[0].tags: given for an account with a hierarchical namespace, which has none`},
		{azure + `, tags: [{ name: a, value: "x@y" }]`, ``, `stores[0].tags[0].value: got "x@y", expected at most 256 letters, digits, spaces and any of +-=._:/`},

		{s3 + `, tags: [{ name: a }, { name: a, value: b }]`, ``, `stores[0].tags[1].name: got "a", which is the name of another tag`},
		{s3 + `, tags: [{ name: "a,b" }]`, ``, `stores[0].tags[0].name: got "a,b", expected at most 128 letters, digits, spaces and any of +-=._:/@`},
		{s3 + `, tags: [{ name: "aws:a" }]`, ``, `stores[0].tags[0].name: got "aws:a", expected at most 128 letters, digits, spaces and any of +-=._:/@`},
		{s3 + `, tags: [{ value: a }]`, ``, `stores[0].tags[0].name: missing, expected a value`},
		{s3 + `, tags: [{ name: a, value: "{usr}" }]`, ``, `stores[0].tags[0].value: got "{usr}", expected at most 256 letters, digits, spaces and any of +-=._:/@`},
		{s3 + `, tags: { a: b }`, ``, `stores[0].tags: got keys, expected a list`},
		{s3 + `, tags: [` + strings.Repeat(`{ name: a }, `, 11) + `]`, ``, `stores[0].tags: got 11, expected at most 10`},

		{azure + `, tags: [{ name: a, value: "{user}" }]`, ``, `users[0].mounts[0]: the login name "jörg" makes "jörg" of the tag a, expected at most 256 letters, digits, spaces and any of +-=._:/`},
		{azure, `tags: [{ name: a, value: "{user}" }]`, `users[0].mounts[0]: the login name "jörg" makes "jörg" of the tag a, expected at most 256 letters, digits, spaces and any of +-=._:/`},
		{s3, `metadata: [none, user]`, `users[0].mounts[0].metadata: got none and others, expected none alone`},
		{azure, `storage_class: GLACIER`, `users[0].mounts[0].storage_class: got "GLACIER", expected one of Hot, Cool, Cold, Archive`},
		{gcs, `tags: [{ name: a }]`, `users[0].mounts[0].tags: given for store "lake" of type gcs, which has none`},
		{local, `tags: [{ name: a }]`, `users[0].mounts[0].tags: given for store "lake" of type local, which has none`},
		{local, `storage_class: STANDARD`, `users[0].mounts[0].storage_class: given for store "lake" of type local, which has none`},
		{local + `, storage_class: STANDARD`, ``, `stores[0].storage_class: expected only in a store of type s3, gcs, azure`},
	} {
		t.Run(test.store+" "+test.mount, func(t *testing.T) {
			_, err := load(t, withStore(test.store, test.mount))
			require.EqualError(t, err, test.want)
			for _, secret := range []string{"hunter2", "aHVudGVyMg==", key256} {
				require.NotContains(t, err.Error(), secret)
			}
		})
	}
}

// TestAnonymousKeeps: the mount of the anonymous user is one like others.
func TestAnonymousKeeps(t *testing.T) {
	anonymous := `
anonymous: { enabled: true, store: lake, permissions: [list], %s }
`
	_, err := load(t, withStore(`type: gcs, bucket: drop`, "")+fmt.Sprintf(anonymous, `tags: [{ name: a }], storage_class: Hot, metadata: [none, user]`))
	require.EqualError(t, err, `anonymous.metadata: got none and others, expected none alone
anonymous.storage_class: got "Hot", expected one of STANDARD, NEARLINE, COLDLINE, ARCHIVE, MULTI_REGIONAL, REGIONAL, DURABLE_REDUCED_AVAILABILITY
anonymous.tags: given for store "lake" of type gcs, which has none`)
	c, err := load(t, withStore(`type: azure, account: acct, container: drop`, "")+fmt.Sprintf(anonymous, `tags: [{ name: a, value: "{user}" }], metadata: [user]`))
	require.NoError(t, err)
	require.Equal(t, config.Mount{
		Path: "/", Store: "lake", Permissions: []string{"list"}, Metadata: []string{"user"}, Tags: []config.Tag{{Name: "a", Value: "{user}"}},
	}, c.Anonymous.Mount())
}

// TestAMountCounts: what a mount says counts, and what it does not say its store does.
func TestAMountCounts(t *testing.T) {
	store := config.Store{StorageClass: "COLD", Metadata: []string{"user"}, Tags: []config.Tag{{Name: "a"}}}
	require.Equal(t, config.Mount{Metadata: store.Metadata, Tags: store.Tags}, config.Mount{}.Kept(store))
	own := config.Mount{StorageClass: "HOT", Metadata: []string{"none"}, Tags: []config.Tag{{Name: "b"}}}
	require.Equal(t, own, own.Kept(store))
}

func TestStoresInTheEnvironment(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key.json")
	require.NoError(t, os.WriteFile(key, []byte(`{"type": "external_account"}`+"\n"), 0o600))
	c, err := load(t, withStore(`type: gcs, bucket: drop`, ""),
		"TIDEGATE_STORES_0_CREDENTIALS_FILE="+key,
		"TIDEGATE_STORES_0_METADATA=user,sha256",
		"TIDEGATE_STORES_1_NAME=blobs", "TIDEGATE_STORES_1_TYPE=azure", "TIDEGATE_STORES_1_ACCOUNT=acct", "TIDEGATE_STORES_1_CONTAINER=drop",
		"TIDEGATE_STORES_1_TAGS_0_NAME=from", "TIDEGATE_STORES_1_TAGS_0_VALUE=ftp")
	require.NoError(t, err)
	require.JSONEq(t, `{"type": "external_account"}`, string(c.Stores[0].Credentials))
	require.Equal(t, []string{"user", "sha256"}, c.Stores[0].Metadata)
	require.Equal(t, []config.Tag{{Name: "from", Value: "ftp"}}, c.Stores[1].Tags)
}

func TestWarningsOfStores(t *testing.T) {
	for text, want := range map[string][]string{
		`type: s3, bucket: drop, endpoint: "http://minio:9000"`:    {"stores[0].endpoint"},
		`type: s3, bucket: drop, endpoint: "https://minio:9000"`:   nil,
		`type: s3, bucket: drop, endpoint: "http://[::1]:9000"`:    nil,
		`type: s3, bucket: drop, acl: public-read`:                 {"stores[0].acl"},
		`type: gcs, bucket: drop, acl: publicRead`:                 {"stores[0].acl"},
		`type: gcs, bucket: drop, storage_class: ARCHIVE`:          nil, // read like any other
		`type: s3, bucket: drop, storage_class: DEEP_ARCHIVE`:      {"stores[0].storage_class"},
		`type: azure, container: drop, account: acct, tags: []`:    nil,
		`type: azure, container: drop, account: acct, region: ""`:  nil,
		`type: azure, container: abc, account: acct, acl: ""`:      nil,
		`type: s3, bucket: drop, storage_class: GLACIER, acl: ""`:  {"stores[0].storage_class"},
		`type: s3, bucket: drop, storage_class: GLACIER_IR`:        nil,
		`type: azure, container: abc, endpoint: "http://10.0.0.1"`: {"stores[0].endpoint"},
	} {
		c, err := load(t, withStore(text, ""))
		require.NoError(t, err, text)
		var fields []string
		for _, w := range c.Warnings() {
			fields = append(fields, w.Field)
		}
		require.Equal(t, want, fields, text)
	}
	c, err := load(t, withStore(`type: azure, container: drop, account: acct`, `storage_class: Archive`))
	require.NoError(t, err)
	require.Equal(t, "users[0].mounts[0].storage_class", c.Warnings()[0].Field)
}
