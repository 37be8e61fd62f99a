// Package config reads the configuration from a file and the environment, and refuses what it
// does not understand. Its Config is plain data: it opens nothing but the configuration file and
// the files that hold secrets.
//
// The types below are the schema. Their tags say how a key is spelt, what it is when it is not
// given, and what is allowed; their comments are the text of docs/CONFIGURATION.md.
package config

import (
	"net/netip"
	"slices"
	"time"
)

// Config is everything that can be set. An empty value counts as one that is not given.
type Config struct {
	// Where FTP is served. At least one.
	Listeners []Listener `key:"listeners"`
	// The certificate that every listener with TLS shows.
	TLS TLS `key:"tls"`
	// The bound of all buffers of all transfers together. When it is spent, sockets wait.
	Memory Size `key:"memory" default:"256MiB" min:"32MiB" max:"1TiB"`
	// The HTTP side for operators and orchestrators.
	Admin Admin `key:"admin"`
	// The bounds of what clients can ask for.
	Limits Limits `key:"limits"`
	// How long running transfers may take to end after SIGTERM. Then they are cut, as by a second signal.
	DrainTimeout time.Duration `key:"drain_timeout" default:"5m" min:"0s" max:"24h"`
	// What is logged, to standard error.
	Log Log `key:"log"`
	// Where files are kept. At least one.
	Stores []Store `key:"stores"`
	// Who may log in. At least one, or anonymous.
	Users []User `key:"users"`
	// The users "anonymous" and "ftp", who log in with any password.
	Anonymous Anonymous `key:"anonymous"`
}

// Listener is one address that FTP is served at.
type Listener struct {
	// Host and port. Without a host (":2121") every address of the machine; with port 0 any free port.
	Address Address `key:"address" required:"true"`
	// How TLS is used: not at all, if the client asks (AUTH TLS), always after AUTH TLS, or from the first byte (port 990).
	TLS TLSMode `key:"tls" default:"none" oneof:"none explicit required implicit"`
	// Data connections that the client opens (PASV, EPSV).
	Passive Passive `key:"passive"`
	// Data connections that the gateway opens (PORT, EPRT).
	Active Active `key:"active"`
	// How long each phase of a session may take.
	Timeouts Timeouts `key:"timeouts"`
	// The text of the 220 reply, one line.
	Greeting Line `key:"greeting" default:"Tidegate FTP gateway ready."`
}

// TLSMode says how a listener uses TLS.
type TLSMode string

// The modes.
const (
	TLSNone     TLSMode = "none"
	TLSExplicit TLSMode = "explicit"
	TLSRequired TLSMode = "required"
	TLSImplicit TLSMode = "implicit"
)

// NeedsCertificate reports whether any listener uses TLS.
func (c *Config) NeedsCertificate() bool {
	return slices.ContainsFunc(c.Listeners, func(l Listener) bool { return l.TLS != "" && l.TLS != TLSNone })
}

// Passive says where passive data connections are accepted.
type Passive struct {
	// The ports to choose from; every data connection takes one while it lasts. Not given: any free port.
	Ports PortRange `key:"ports"`
	// The IPv4 address that PASV tells, where it differs from the one that the client connected to, as behind NAT.
	PublicAddress netip.Addr `key:"public_address"`
}

// Active says where active data connections come from.
type Active struct {
	// The local port: 20 where a firewall expects it, which takes the right to bind it. 0 for any.
	SourcePort int `key:"source_port" default:"0" min:"0" max:"65535"`
}

// Timeouts bounds the phases of a session.
type Timeouts struct {
	// From connection to the end of login.
	Login time.Duration `key:"login" default:"60s" min:"1s" max:"24h"`
	// Between commands, outside transfers.
	Idle time.Duration `key:"idle" default:"5m" min:"1s" max:"24h"`
	// For a data connection to be made, and for a transfer to come to a passive port.
	DataOpen time.Duration `key:"data_open" default:"60s" min:"1s" max:"24h"`
	// Of TLS, on control and data connections.
	Handshake time.Duration `key:"handshake" default:"10s" min:"1s" max:"24h"`
	// With no byte moved in a transfer. Scanners can take 15 minutes.
	Stall time.Duration `key:"stall" default:"5m" min:"1s" max:"24h"`
	// For the client to take a reply.
	Reply time.Duration `key:"reply" default:"60s" min:"1s" max:"24h"`
}

// TLS names the certificate. Its files are opened only if a listener uses TLS.
type TLS struct {
	// The certificate in PEM form, the intermediate ones behind it.
	CertFile string `key:"cert_file"`
	// Its private key in PEM form.
	KeyFile string `key:"key_file"`
}

// Admin is the HTTP side: /healthz says that the process lives, /readyz that it can take files.
type Admin struct {
	// Host and port. Not given: no HTTP.
	Address Address `key:"address"`
}

// Limits bounds what clients can ask for.
type Limits struct {
	// Control connections at once, of all listeners. The next one hears 421.
	Sessions int `key:"sessions" default:"20000" min:"1" max:"1000000"`
	// Those of one client address, which may be a whole site behind NAT; the rest is for others.
	SessionsPerAddress int `key:"sessions_per_address" default:"15000" min:"1" max:"1000000"`
}

// Log says what is logged.
type Log struct {
	// The least important lines that are written.
	Level string `key:"level" default:"info" oneof:"debug info warn error"`
	// Text for people, json for machines.
	Format LogFormat `key:"format" default:"text" oneof:"text json"`
}

// LogFormat is the form of a log line.
type LogFormat string

// The formats.
const (
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// Store is one bucket, container or directory tree.
type Store struct {
	// The name that mounts and logs use.
	Name string `key:"name" required:"true"`
	// The kind of store.
	Type StoreType `key:"type" required:"true" oneof:"s3 gcs azure local"`

	// The bucket. It must exist.
	Bucket string `key:"bucket" only:"s3 gcs"`
	// The container. It must exist.
	Container string `key:"container" only:"azure"`
	// The storage account.
	Account string `key:"account" only:"azure"`
	// The directory. It is made if it is not there.
	Path string `key:"path" only:"local"`

	// URL of a store that is not the vendor's own, as http://127.0.0.1:9000. For azure the URL of the blob service; account is then needed with account_key only.
	Endpoint Endpoint `key:"endpoint" only:"s3 gcs azure"`
	// The region. Not given: as the AWS tools find it, and us-east-1 where there is an endpoint.
	Region string `key:"region" only:"s3"`
	// Whether the bucket is in the path of requests and not in the host name. MinIO needs it.
	PathStyle bool `key:"path_style" only:"s3" default:"false"`
	// How the store verifies what it is sent: crc64nvme, or, for a store that does not know it, sha256, which costs one more read of each body.
	Checksum Checksum `key:"checksum" only:"s3" default:"crc64nvme" oneof:"crc64nvme sha256"`
	// Whether the account has a hierarchical namespace (Data Lake Storage): folders are real there, and renamed at once.
	Hierarchical bool `key:"hierarchical" only:"azure" default:"false"`

	// The access key. Not given: credentials as the AWS tools find them (environment, profile, web identity, role).
	AccessKey Secret `key:"access_key" only:"s3"`
	// The secret key of the access key.
	SecretKey Secret `key:"secret_key" only:"s3"`
	// The session token of temporary keys.
	SessionToken Secret `key:"session_token" only:"s3"`
	// The ARN of a role that the credentials are exchanged for (AssumeRole).
	RoleARN string `key:"role_arn" only:"s3"`
	// What the role of another account asks for.
	ExternalID string `key:"external_id" only:"s3"`
	// The name of the sessions of the role, in the logs of AWS. Not given: tidegate.
	RoleSessionName string `key:"role_session_name" only:"s3"`
	// How long a session of the role lasts before the next one. Not given: 1h.
	SessionDuration time.Duration `key:"session_duration" only:"s3" min:"15m" max:"12h"`
	// URL of the service that gives out the role's sessions. Not given: that of AWS in the region, or the endpoint.
	STSEndpoint Endpoint `key:"sts_endpoint" only:"s3"`
	// Whether each user has a session of the role that reaches only the prefixes of the user's mounts, so that the store itself holds users apart.
	UserCredentials bool `key:"user_credentials" only:"s3" default:"false"`

	// The JSON of a service account's key, of workload identity federation or of what "gcloud auth" writes. Not given: credentials as the Google tools find them (environment, gcloud, attached service account, workload identity).
	Credentials Secret `key:"credentials" only:"gcs"`
	// The e-mail address of a service account that the credentials act as.
	Impersonate string `key:"impersonate" only:"gcs"`

	// A key of the storage account. Not given, nor sas_token or connection_string: credentials as the Azure tools find them (environment, workload identity, managed identity, CLI).
	AccountKey Secret `key:"account_key" only:"azure"`
	// A shared access signature (SAS) of the account or the container.
	SASToken Secret `key:"sas_token" only:"azure"`
	// The connection string that the portal shows. It says the account too.
	ConnectionString Secret `key:"connection_string" only:"azure"`
	// Which of several managed or workload identities to use.
	ClientID string `key:"client_id" only:"azure"`
	// The directory (tenant) that workload identity and the CLI ask.
	TenantID string `key:"tenant_id" only:"azure"`

	// How what is written is encrypted: SSE-S3 (AES256), or SSE-KMS in one layer or two. Not given: as the bucket says.
	ServerSideEncryption string `key:"server_side_encryption" only:"s3" oneof:"AES256 aws:kms aws:kms:dsse"`
	// The ID or the ARN of a key of the KMS, with aws:kms. Not given: as the bucket says.
	KMSKeyID string `key:"kms_key_id" only:"s3"`
	// Whether a key of the bucket saves requests to the KMS, with aws:kms.
	BucketKey bool `key:"bucket_key" only:"s3" default:"false"`
	// The key of Cloud KMS that what is written is encrypted with: projects/P/locations/L/keyRings/R/cryptoKeys/K. Not given: as the bucket says.
	KMSKey string `key:"kms_key" only:"gcs"`
	// The encryption scope of what is written. Not given: as the container says.
	EncryptionScope string `key:"encryption_scope" only:"azure"`
	// A key of your own, 32 bytes in base64 (SSE-C, CSEK, CPK). The store does not keep it: without it nobody reads again what was written with it.
	CustomerKey Secret `key:"customer_key" only:"s3 gcs azure"`
	// The canned (s3) or predefined (gcs) access list of what is written, in the vendor's words: bucket-owner-full-control, bucketOwnerFullControl. Not given: as the bucket says.
	ACL string `key:"acl" only:"s3 gcs"`
	// Whether this account pays for requests to another's bucket that asks for it.
	RequesterPays bool `key:"requester_pays" only:"s3" default:"false"`
	// The project that pays for requests, for a bucket whose requester pays.
	UserProject string `key:"user_project" only:"gcs"`

	// The storage class (s3, gcs) or access tier (azure) of what is written, in the vendor's words: STANDARD_IA, NEARLINE, Cool. Not given: as the bucket or the account says.
	StorageClass string `key:"storage_class" only:"s3 gcs azure"`
	// What is kept with each uploaded file as metadata: the user's name, the client's IP address, the session and the upload by the names that the log uses, the SHA-256 of the bytes; or none. Not given: user, client, session and upload, if the store can keep them.
	Metadata []string `key:"metadata" oneof:"user client session upload sha256 none"`
	// The tags of each uploaded file, at most 10.
	Tags []Tag `key:"tags" only:"s3 azure"`
}

// StoreType is a kind of store.
type StoreType string

// The types.
const (
	StoreS3    StoreType = "s3"
	StoreGCS   StoreType = "gcs"
	StoreAzure StoreType = "azure"
	StoreLocal StoreType = "local"
)

// Tag is kept with an object, for rules and bills.
type Tag struct {
	// The name, 1 to 128 characters.
	Name string `key:"name" required:"true"`
	// The value, up to 256 characters; {user} stands for the login name.
	Value string `key:"value"`
}

// Checksum is a way to have a store verify bytes.
type Checksum string

// The checksums.
const (
	ChecksumCRC64NVME Checksum = "crc64nvme"
	ChecksumSHA256    Checksum = "sha256"
)

// User is one who may log in.
type User struct {
	// The login name. Names are compared byte by byte.
	Name string `key:"name" required:"true"`
	// The password as it is. Only for trials: whoever reads the file knows it.
	Password Secret `key:"password"`
	// What "tidegate passwd" prints: an argon2id hash; bcrypt is taken too.
	PasswordHash Secret `key:"password_hash"`
	// What the user sees. At least one.
	Mounts []Mount `key:"mounts"`
}

// Mount shows a part of a store at a path.
type Mount struct {
	// Where the user sees it, as / or /in.
	Path string `key:"path" required:"true"`
	// The name of a store.
	Store string `key:"store" required:"true"`
	// The folder of the store that is shown; {user} stands for the login name. Not given: the whole store.
	Prefix string `key:"prefix"`
	// What the user may do there.
	Permissions []string `key:"permissions" required:"true" oneof:"list read write overwrite append delete rename mkdir rmdir all"`
	// The storage class or access tier of what is uploaded there. Not given: as the store says.
	StorageClass string `key:"storage_class"`
	// What is kept with each file that is uploaded there, or none. Not given: as the store says.
	Metadata []string `key:"metadata" oneof:"user client session upload sha256 none"`
	// The tags of what is uploaded there. Not given: those of the store.
	Tags []Tag `key:"tags"`
}

// Anonymous is the mount of those who log in without a password, at "/".
type Anonymous struct {
	// Whether they may log in.
	Enabled bool `key:"enabled" default:"false"`
	// The name of a store. Needed if enabled.
	Store string `key:"store"`
	// The folder of the store that is shown. Not given: the whole store.
	Prefix string `key:"prefix"`
	// What they may do there. Needed if enabled.
	Permissions []string `key:"permissions" oneof:"list read write overwrite append delete rename mkdir rmdir all"`
	// The storage class or access tier of what is uploaded there. Not given: as the store says.
	StorageClass string `key:"storage_class"`
	// What is kept with each file that is uploaded there, or none. Not given: as the store says.
	Metadata []string `key:"metadata" oneof:"user client session upload sha256 none"`
	// The tags of what is uploaded there. Not given: those of the store.
	Tags []Tag `key:"tags"`
}

// Mount returns what the anonymous user sees.
func (a Anonymous) Mount() Mount {
	return Mount{
		Path: "/", Store: a.Store, Prefix: a.Prefix, Permissions: a.Permissions,
		StorageClass: a.StorageClass, Metadata: a.Metadata, Tags: a.Tags,
	}
}

// Store returns the store of that name.
func (c *Config) Store(name string) (Store, bool) {
	i := slices.IndexFunc(c.Stores, func(s Store) bool { return s.Name == name })
	if i < 0 {
		return Store{}, false
	}
	return c.Stores[i], true
}
