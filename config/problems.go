package config

import (
	"fmt"
	"strings"
)

// Error is everything that is wrong with a configuration.
type Error struct {
	Problems []Problem
}

// Problem is one thing that is wrong.
type Problem struct {
	Field  string // its path, users[0].mounts[1].store, or the name of an environment variable
	Source string // the environment variable that set the field; "" for the file
	Text   string // what is there and what was expected
}

func (p Problem) String() string {
	if p.Source != "" {
		return fmt.Sprintf("%s (%s): %s", p.Field, p.Source, p.Text)
	}
	return p.Field + ": " + p.Text
}

func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// problems collects them. Of a field only the first is kept, and none of what is inside a field
// that has one: they follow from it.
type problems struct {
	list    []Problem
	fields  map[string]bool   // of list
	sources map[string]string // field to the environment variable that set it
}

func newProblems() *problems {
	return &problems{fields: map[string]bool{}, sources: map[string]string{}}
}

func (p *problems) add(field, format string, args ...any) {
	for i := range len(field) {
		if (field[i] == '.' || field[i] == '[') && p.fields[field[:i]] {
			return
		}
	}
	if p.fields[field] {
		return
	}
	p.fields[field] = true
	p.list = append(p.list, Problem{Field: field, Source: p.sources[field], Text: fmt.Sprintf(format, args...)})
}

func (p *problems) has(field string) bool { return p.fields[field] }

func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	return &Error{Problems: p.list}
}

// nearest returns the candidate that word is most likely a misspelling of, or "".
func nearest(word string, candidates []string) string {
	best, least := "", len(word)/3+1
	for _, c := range candidates {
		if d := distance(word, c); d <= least && d < len(word) {
			best, least = c, d-1
		}
	}
	return best
}

// distance is the number of letters to insert, remove or replace to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
