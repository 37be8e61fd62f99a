package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What is kept with the objects of a store or of a mount: a storage class, metadata, tags.

// Kept returns the mount with the metadata and the tags of its store where it has none of its own.
// The storage class of a store is for all that is written to it.
func (m Mount) Kept(s Store) Mount {
	if len(m.Metadata) == 0 {
		m.Metadata = s.Metadata
	}
	if len(m.Tags) == 0 {
		m.Tags = s.Tags
	}
	return m
}

// validateKept checks what a mount says, and what the user's name makes of the tags.
func (c *Config) validateKept(p *problems, at, user string, m Mount) {
	validateMetadata(p, at, m.Metadata)
	s, ok := c.Store(m.Store)
	if !ok || s.Type == "" {
		return // which is told already
	}
	if !s.has("storage_class") && m.StorageClass != "" {
		p.add(join(at, "storage_class"), "given for store %q of type %s, which has none", s.Name, s.Type)
	} else {
		validateClass(p, at, s, m.StorageClass)
	}
	if !s.has("tags") && len(m.Tags) > 0 {
		p.add(join(at, "tags"), "given for store %q of type %s, which has none", s.Name, s.Type)
		return
	}
	validateTags(p, at, s, m.Tags)
	for _, tag := range m.Kept(s).Tags {
		if value := forUser(tag.Value, user); value != tag.Value && !s.isTag(value, maxTagValue) {
			p.add(at, "the login name %q makes %q of the tag %s, expected %s", user, value, tag.Name, s.tagRule(maxTagValue))
		}
	}
}

// has reports whether stores of this type have the key.
func (s *Store) has(key string) bool {
	fields := fieldsOf(reflect.TypeFor[Store]())
	i := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
	return i >= 0 && fields[i].belongsTo(string(s.Type))
}

// noMetadata is the word for no metadata at all; an empty list is one that is not given.
const noMetadata = "none"

func validateMetadata(p *problems, at string, metadata []string) {
	if len(metadata) > 1 && slices.Contains(metadata, noMetadata) {
		p.add(join(at, "metadata"), "got none and others, expected none alone")
	}
}

// storageClasses are the vendors' words; nil for any, as S3 has vendors of many words.
var storageClasses = map[StoreType][]string{
	StoreGCS:   {"STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE", "MULTI_REGIONAL", "REGIONAL", "DURABLE_REDUCED_AVAILABILITY"},
	StoreAzure: {"Hot", "Cool", "Cold", "Archive"},
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func validateClass(p *problems, at string, s Store, class string) {
	allowed := storageClasses[s.Type]
	switch {
	case class == "":
	case allowed == nil && !plainWord.MatchString(class):
		p.add(join(at, "storage_class"), "got %q, expected a word such as STANDARD_IA", class)
	case allowed != nil && !slices.Contains(allowed, class):
		p.add(join(at, "storage_class"), "got %q, expected one of %s", class, strings.Join(allowed, ", "))
	}
}

// The limits of S3, and of Azure.
const (
	maxTags     = 10
	maxTagName  = 128
	maxTagValue = 256
)

func validateTags(p *problems, at string, s Store, tags []Tag) {
	if len(tags) > maxTags {
		p.add(join(at, "tags"), "got %d, expected at most %d", len(tags), maxTags)
	}
	if len(tags) > 0 && s.Hierarchical {
		p.add(join(at, "tags"), "given for an account with a hierarchical namespace, which has none")
	}
	names := map[string]bool{}
	for i, tag := range tags {
		tagAt := element(join(at, "tags"), i)
		switch {
		case tag.Name == "":
		case !s.isTag(tag.Name, maxTagName) || strings.HasPrefix(tag.Name, "aws:"):
			p.add(join(tagAt, "name"), "got %q, expected %s", tag.Name, s.tagRule(maxTagName))
		case names[tag.Name]:
			p.add(join(tagAt, "name"), "got %q, which is the name of another tag", tag.Name)
		}
		names[tag.Name] = true
		if !s.isTag(forUser(tag.Value, ""), maxTagValue) {
			p.add(join(tagAt, "value"), "got %q, expected %s", tag.Value, s.tagRule(maxTagValue))
		}
	}
}

// tagSigns is what tags hold beside letters, digits and spaces.
const tagSigns = "+-=._:/"

// isTag reports whether text can be in a tag of the store. Azure takes ASCII alone, S3 all letters and "@".
func (s *Store) isTag(text string, most int) bool {
	return utf8.ValidString(text) && utf8.RuneCountInString(text) <= most && !strings.ContainsFunc(text, func(r rune) bool {
		plain := r == ' ' || strings.ContainsRune(tagSigns, r) || r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r))
		return !plain && (s.Type == StoreAzure || r != '@' && !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.Zs))
	})
}

// tagRule says so in words.
func (s *Store) tagRule(most int) string {
	signs := tagSigns
	if s.Type == StoreS3 {
		signs += "@"
	}
	return fmt.Sprintf("at most %d letters, digits, spaces and any of %s", most, signs)
}
