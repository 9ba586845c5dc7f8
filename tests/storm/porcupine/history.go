package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	read  = "read"
	write = "write"
	swap  = "compare-and-swap"

	ok     = "ok"
	failed = "failed"
	maybe  = "maybe"

	never       = int64(math.MaxInt64) // Later than everything in a history.
	longestCite = 60
)

// value is what a key holds: a text, or nothing.
type value struct {
	text    string
	present bool
}

// call is one line of a history.
type call struct {
	line      int    // From 1.
	text      string // As it was given.
	operation string
	key       string
	value     value // What it writes.
	expected  value
	found     value
	swapped   bool
	called    int64 // Nanoseconds.
	returned  int64 // Nanoseconds; never where the line says null.
	outcome   string
}

var (
	operations = []string{read, write, swap}
	outcomes   = []string{ok, failed, maybe}
	fieldNames = []string{
		"client", "operation", "key", "value", "expected", "called_ns", "returned_ns", "outcome", "found", "swapped",
	}
)

// refusal is what is wrong with a line.
type refusal struct {
	field   string // Empty for the line as a whole.
	given   string
	allowed string
}

func (r *refusal) Error() string {
	field := ""
	if r.field != "" {
		field = r.field + ": "
	}
	return fmt.Sprintf("%sgiven %s; allowed: %s", field, r.given, r.allowed)
}

// readHistory reads every line. An empty history is refused, for it shows nothing.
func readHistory(from io.Reader) ([]*call, error) {
	var calls []*call
	reader := bufio.NewReader(from)
	for number := 1; ; number++ {
		text, err := reader.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if len(text) == 0 {
			break
		}
		parsed, err := parse(bytes.TrimSuffix(text, []byte("\n")))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		parsed.line = number
		calls = append(calls, parsed)
	}
	if len(calls) == 0 {
		return nil, errors.New("line 1: given nothing; allowed: one call or more")
	}
	return calls, nil
}

// parse takes a line apart. Every field that applies has to be there, and no other.
func parse(text []byte) (*call, error) {
	fields, err := object(text)
	if err != nil {
		return nil, err
	}
	taken := fieldReader{fields: fields}
	parsed := &call{text: string(text)}
	// These two decide which fields there are.
	parsed.operation = taken.oneOf("operation", operations)
	parsed.outcome = taken.oneOf("outcome", outcomes)
	taken.number("client", 0, "a whole number from 0")
	parsed.key = taken.text("key", "a text that is not empty").text
	if parsed.key == "" {
		taken.refuse("key", "a text that is not empty")
	}
	if parsed.operation != read {
		parsed.value = taken.text("value", "a text")
	}
	if parsed.operation == swap {
		parsed.expected = taken.textOrNull("expected")
	}
	parsed.called = taken.number("called_ns", 0, "a whole number from 0")
	parsed.returned = taken.returned(parsed.called, parsed.outcome)
	if parsed.outcome == ok && parsed.operation != write {
		parsed.found = taken.textOrNull("found")
	}
	if parsed.outcome == ok && parsed.operation == swap {
		parsed.swapped = taken.boolean("swapped")
	}
	taken.nothingElse(parsed.operation, parsed.outcome)
	return parsed, taken.err
}

// object is a line's fields. Go's own decoder would take the last of two with the same name, and ignore case.
func object(text []byte) (map[string]json.RawMessage, error) {
	whole := &refusal{"", cited(string(text)), "one object of JSON"}
	if !utf8.Valid(text) {
		return nil, &refusal{"", "bytes that are not UTF-8", whole.allowed}
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if begin, err := decoder.Token(); err != nil || begin != json.Delim('{') {
		return nil, whole
	}
	fields := map[string]json.RawMessage{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, whole
		}
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			return nil, whole
		}
		if _, twice := fields[name.(string)]; twice {
			return nil, &refusal{name.(string), "twice", "every field once"}
		}
		fields[name.(string)] = raw
	}
	if _, err := decoder.Token(); err != nil {
		return nil, whole
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, whole
	}
	return fields, nil
}

// fieldReader takes one field after the other, and keeps what was wrong first.
type fieldReader struct {
	fields map[string]json.RawMessage
	used   []string
	err    error
}

func (f *fieldReader) refuse(field, allowed string) {
	if f.err != nil {
		return
	}
	given := "nothing"
	if raw, there := f.fields[field]; there {
		given = cited(string(raw))
	}
	f.err = &refusal{field, given, allowed}
}

// take decodes a field. A null is told apart, for Go leaves the target as it is then.
func (f *fieldReader) take(field string, target any, allowed string) (isNull bool) {
	f.used = append(f.used, field)
	raw, there := f.fields[field]
	if there && string(raw) == "null" {
		return true
	}
	if !there || json.Unmarshal(raw, target) != nil {
		f.refuse(field, allowed)
	}
	return false
}

func (f *fieldReader) oneOf(field string, allowed []string) string {
	var found string
	if f.take(field, &found, strings.Join(allowed, ", ")) || !slices.Contains(allowed, found) {
		f.refuse(field, strings.Join(allowed, ", "))
	}
	return found
}

func (f *fieldReader) text(field, allowed string) value {
	var found string
	if f.take(field, &found, allowed) {
		f.refuse(field, allowed)
	}
	return value{found, true}
}

func (f *fieldReader) textOrNull(field string) value {
	var found string
	if f.take(field, &found, "a text, or null for none") {
		return value{}
	}
	return value{found, true}
}

func (f *fieldReader) number(field string, least int64, allowed string) int64 {
	var found int64
	if f.take(field, &found, allowed) || found < least {
		f.refuse(field, allowed)
	}
	return found
}

func (f *fieldReader) returned(called int64, outcome string) int64 {
	if outcome != maybe {
		return f.number("returned_ns", called, "a whole number from called_ns on")
	}
	var found int64
	allowed := "a whole number from called_ns on, or null"
	if f.take("returned_ns", &found, allowed) {
		return never
	}
	if found < called {
		f.refuse("returned_ns", allowed)
	}
	return found
}

func (f *fieldReader) boolean(field string) bool {
	var found bool
	if f.take(field, &found, "true or false") {
		f.refuse(field, "true or false")
	}
	return found
}

func (f *fieldReader) nothingElse(operation, outcome string) {
	for _, name := range fieldNames {
		if _, there := f.fields[name]; there && !slices.Contains(f.used, name) {
			f.refuse(name, fmt.Sprintf("nothing, where a %s is %s", operation, outcome))
		}
	}
	var unknown []string
	for name := range f.fields {
		if !slices.Contains(fieldNames, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		f.refuse(unknown[0], "no field but "+strings.Join(fieldNames, ", "))
	}
}

// cited is what was given, short enough for one line.
func cited(text string) string {
	shown := []rune(strings.TrimSpace(text))
	if len(shown) == 0 {
		return "nothing"
	}
	if len(shown) > longestCite {
		return string(shown[:longestCite]) + "…"
	}
	return string(shown)
}
