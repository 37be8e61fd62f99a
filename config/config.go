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

// Store is one bucket or directory tree.
type Store struct {
	// The name that mounts and logs use.
	Name string `key:"name" required:"true"`
	// The kind of store.
	Type StoreType `key:"type" required:"true" oneof:"s3 local"`
	// The bucket. It must exist.
	Bucket string `key:"bucket" only:"s3"`
	// URL of a store other than AWS, as http://127.0.0.1:9000.
	Endpoint Endpoint `key:"endpoint" only:"s3"`
	// The region. Not given: as the AWS tools find it, and us-east-1 where there is an endpoint.
	Region string `key:"region" only:"s3"`
	// Whether the bucket is in the path of requests and not in the host name. MinIO needs it.
	PathStyle bool `key:"path_style" only:"s3" default:"false"`
	// How the store verifies what it is sent: crc64nvme, or, for a store that does not know it, sha256, which costs one more read of each body.
	Checksum Checksum `key:"checksum" only:"s3" default:"crc64nvme" oneof:"crc64nvme sha256"`
	// The access key. Not given: credentials as the AWS tools find them (environment, profile, role).
	AccessKey Secret `key:"access_key" only:"s3"`
	// The secret key of the access key.
	SecretKey Secret `key:"secret_key" only:"s3"`
	// The session token of temporary keys.
	SessionToken Secret `key:"session_token" only:"s3"`
	// The directory. It is made if it is not there.
	Path string `key:"path" only:"local"`
}

// StoreType is a kind of store.
type StoreType string

// The types.
const (
	StoreS3    StoreType = "s3"
	StoreLocal StoreType = "local"
)

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
}
