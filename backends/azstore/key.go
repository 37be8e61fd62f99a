package azstore

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/tidegate/tidegate/backends"
)

const (
	// maxSegments is how many names between slashes a key may have, and on a hierarchical account.
	maxSegments             = 254
	maxSegmentsHierarchical = 63
	// maxSegment is the most characters of one name on a hierarchical account.
	maxSegment = 255
)

var errLongKey = fmt.Errorf("longer than %d bytes", maxKey)

// CheckKey implements backends.Driver. Azure takes some names and answers under others: a dot at
// the end of a segment is dropped and a "\" becomes a "/". Control characters, U+FFFE and U+FFFF are
// not legal in URLs or in the XML of listings.
func (d *Driver) CheckKey(key string) error {
	segment, segments := 0, maxSegments
	if d.opts.Hierarchical {
		segment, segments = maxSegment, maxSegmentsHierarchical
	}
	if err := backends.CheckKey(key, maxKey, segment); err != nil {
		return err
	}
	refuse := func(why string) error {
		return backends.NewError("check key", key, backends.ErrInvalid, errors.New(why))
	}
	if strings.Count(key, "/") >= segments {
		return refuse(fmt.Sprintf("more than %d names between slashes", segments))
	}
	for element := range strings.SplitSeq(key, "/") {
		if strings.HasSuffix(element, ".") {
			return refuse(`a name that ends in "."`)
		}
	}
	if i := strings.IndexFunc(key, unheld); i >= 0 {
		return refuse(fmt.Sprintf("a character at byte %d that Azure does not keep", i))
	}
	return nil
}

func unheld(r rune) bool {
	return r == '\\' || r == 0xFFFE || r == 0xFFFF || unicode.IsControl(r)
}
