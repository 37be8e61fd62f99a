package backends

// Scope is what one user may reach of a store.
type Scope struct {
	User     string
	Prefixes []string // folders, each with a "/" at its end; "" for the whole store
}

// Scoper is a Driver whose store can itself hold a user to a Scope, by credentials of less right.
type Scoper interface {
	Driver

	// Scope returns the driver as a user of that scope sees it. It makes no request. It shares
	// the connections of the driver that it came from, which is closed after it, and by itself needs
	// no Close. The credentials are kept until they expire.
	Scope(s Scope) (Driver, error)
}

// Scope returns the store as a user of that scope sees it, or the store itself where its driver
// is no Scoper. What it returns shares the memory and the driver's connections with the store, and is
// closed with it.
func (s *Store) Scope(scope Scope) (*Store, error) {
	scoper, ok := s.driver.(Scoper)
	if !ok {
		return s, nil
	}
	driver, err := scoper.Scope(scope)
	if err != nil {
		return nil, err
	}
	scoped := *s
	scoped.driver = driver
	return &scoped, nil
}
