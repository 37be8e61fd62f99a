package azstore

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Options says which container, of which account, and as whom. Container and either Account,
// Endpoint or ConnectionString are needed. At most one of AccountKey, SASToken and ConnectionString
// is set; without any of them the credentials come from where Azure's tools look for them:
// environment, workload identity, managed identity, the CLI.
type Options struct {
	Container string
	Account   string // the storage account; "" where Endpoint or ConnectionString says it
	Endpoint  string // URL of the blob service; "" for that of Account in Azure's public cloud

	AccountKey       string // base64, as the portal shows it
	SASToken         string // of the account or of the container, with or without its "?"
	ConnectionString string // as the portal shows it, of the account or with a SAS

	// ClientID chooses one of several managed or workload identities, TenantID the directory that
	// workload identities and the CLI ask. Both are only for the default credentials.
	ClientID, TenantID string

	Tier            string // access tier of new blobs: Hot, Cool, Cold or Archive; "" for the account's own
	EncryptionScope string // a scope of the account that new blobs are encrypted in; "" for the container's own

	// CustomerKey is a customer-provided key: 32 bytes, base64. What is written with it can only be
	// read with it, and Azure does not keep it. It is sent over https only.
	CustomerKey string

	// Hierarchical says that the account has a hierarchical namespace (Data Lake Storage): folders
	// are things of their own there, and files and folders are renamed at once.
	Hierarchical bool
}

const publicSuffix = "core.windows.net"

var (
	validContainer = regexp.MustCompile(`^([a-z0-9](-?[a-z0-9]){2,62}|\$root|\$web)$`)
	validAccount   = regexp.MustCompile(`^[a-z0-9]{3,24}$`)
	validScope     = regexp.MustCompile(`^[A-Za-z0-9-]{3,63}$`)
	tiers          = []string{"Hot", "Cool", "Cold", "Archive"}
)

// resolve checks o and brings what ConnectionString says to the other fields. No error repeats a
// value that is or may hold a secret.
func (o Options) resolve() (Options, error) {
	var errs []error
	bad := func(field, expected string) { errs = append(errs, fmt.Errorf("%s: expected %s", field, expected)) }

	if ways := count(o.AccountKey != "", o.SASToken != "", o.ConnectionString != ""); ways > 1 {
		bad("account_key, sas_token and connection_string", "one of them at the most")
	} else if ways == 1 && (o.ClientID != "" || o.TenantID != "") {
		bad("client_id and tenant_id", "none, where a key, a SAS or a connection string says who it is")
	}
	if o.ConnectionString != "" {
		o.connectionString(bad)
	}
	if len(errs) > 0 {
		return o, errors.Join(errs...)
	}

	o.SASToken = strings.TrimPrefix(o.SASToken, "?")
	if !validContainer.MatchString(o.Container) {
		bad("container", fmt.Sprintf("the name of a container, not %q", o.Container))
	}
	o.resolveEndpoint(bad)
	o.validateSecrets(bad)
	if o.Tier != "" && !slices.Contains(tiers, o.Tier) {
		bad("tier", fmt.Sprintf("one of %s, not %q", strings.Join(tiers, ", "), o.Tier))
	}
	if o.EncryptionScope != "" && !validScope.MatchString(o.EncryptionScope) {
		bad("encryption_scope", fmt.Sprintf("the name of an encryption scope, not %q", o.EncryptionScope))
	}
	return o, errors.Join(errs...)
}

// resolveEndpoint makes of Account and Endpoint what is not said of the other.
func (o *Options) resolveEndpoint(bad func(field, expected string)) {
	switch {
	case o.Account != "" && !validAccount.MatchString(o.Account):
		bad("account", fmt.Sprintf("the name of a storage account, not %q", o.Account))
	case o.Account == "" && o.Endpoint == "":
		bad("account", "the name of a storage account, or an endpoint")
	case o.Endpoint == "":
		o.Endpoint = "https://" + o.Account + ".blob." + publicSuffix
	case !validEndpoint(o.Endpoint):
		bad("endpoint", "http://host or https://host, with a port and a path if need be, and no user, query or fragment")
	}
	o.Endpoint = strings.TrimRight(o.Endpoint, "/")
	if o.Account == "" {
		o.Account = accountOf(o.Endpoint)
	}
}

func (o Options) validateSecrets(bad func(field, expected string)) {
	if o.AccountKey != "" {
		if _, err := base64.StdEncoding.DecodeString(o.AccountKey); err != nil {
			bad("account_key", "a key in base64")
		}
		if o.Account == "" {
			bad("account", "the name of the storage account that the key is of")
		}
	}
	if o.SASToken != "" {
		if query, err := url.ParseQuery(o.SASToken); err != nil || !query.Has("sig") {
			bad("sas_token", `a shared access signature ("sv=…&sig=…")`)
		}
	}
	if o.CustomerKey != "" {
		if key, err := base64.StdEncoding.DecodeString(o.CustomerKey); err != nil || len(key) != 32 {
			bad("customer_key", "32 bytes in base64")
		}
		if o.EncryptionScope != "" {
			bad("customer_key and encryption_scope", "one of them at the most")
		}
		if !strings.HasPrefix(o.Endpoint, "https://") {
			bad("customer_key", "an endpoint with https, over which alone it may be sent")
		}
	}
}

// connectionString sets the fields that o.ConnectionString says.
func (o *Options) connectionString(bad func(field, expected string)) {
	if o.Account != "" || o.Endpoint != "" {
		bad("account and endpoint", "none, where connection_string says them")
	}
	if err := o.parseConnectionString(); err != nil {
		bad("connection_string", err.Error())
	}
}

func (o *Options) parseConnectionString() error {
	fields := map[string]string{}
	for pair := range strings.SplitSeq(strings.TrimRight(o.ConnectionString, "; \n"), ";") {
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok {
			return errors.New(`"name=value;name=value"`)
		}
		fields[strings.ToLower(name)] = value
	}
	if fields["usedevelopmentstorage"] != "" {
		return errors.New("an account: for an emulator, say account, endpoint and account_key")
	}
	o.Account, o.Endpoint = fields["accountname"], fields["blobendpoint"]
	o.AccountKey, o.SASToken = fields["accountkey"], fields["sharedaccesssignature"]
	switch {
	case o.AccountKey == "" && o.SASToken == "", o.AccountKey != "" && o.SASToken != "":
		return errors.New("either an AccountKey or a SharedAccessSignature in it")
	case o.Endpoint == "" && o.Account == "":
		return errors.New("an AccountName or a BlobEndpoint in it")
	case o.Endpoint == "":
		protocol, suffix := fields["defaultendpointsprotocol"], fields["endpointsuffix"]
		if protocol == "" {
			protocol = "https"
		}
		if suffix == "" {
			suffix = publicSuffix
		}
		o.Endpoint = protocol + "://" + o.Account + ".blob." + suffix
	}
	return nil
}

func validEndpoint(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" &&
		u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// accountOf returns the account that "https://account.blob.…" is of, "" for other endpoints.
func accountOf(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	account, rest, _ := strings.Cut(u.Hostname(), ".")
	if !strings.HasPrefix(rest, "blob.") {
		return ""
	}
	return account
}

func count(all ...bool) int {
	n := 0
	for _, is := range all {
		if is {
			n++
		}
	}
	return n
}

// place names the container for an operator.
func (o Options) place() string { return fmt.Sprintf("container %q at %s", o.Container, o.Endpoint) }
