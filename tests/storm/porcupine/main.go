// porcupine reads a history of clients' calls from its standard input, a line of JSON for each call as docs/storm.md
// describes them, and says whether it is linearizable: exit code 0 when it is, 1 when it is not, 2 when it cannot be
// read, 3 when the time was too short to tell. What it found is printed as JSON.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

const (
	linearizable    = 0
	notLinearizable = 1
	unreadable      = 2
	undecided       = 3
)

// More calls than that are no excerpt for a reader.
const mostShown = 40

func main() {
	seconds := flag.Float64("seconds", 60, "how long to look for an order; an excerpt may take as long again")
	flag.Parse()
	if *seconds <= 0 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "usage: porcupine [-seconds S] < HISTORY, and S is more than 0")
		os.Exit(unreadable)
	}
	calls, err := readHistory(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(unreadable)
	}
	limit := time.Duration(*seconds * float64(time.Second))
	os.Exit(report(calls, limit))
}

// report checks every key by itself, prints what it found, and returns the exit code.
func report(calls []*call, limit time.Duration) int {
	keys, byKey := partition(calls)
	illegal, unknown := verdicts(keys, byKey, time.Now().Add(limit))
	switch {
	case len(illegal) > 0:
		// Whatever else may be unknown, one key that has no order is enough.
		fmt.Printf("{\"verdict\": \"not linearizable\", \"keys\": [\n")
		deadline := time.Now().Add(limit)
		for number, key := range illegal {
			fmt.Printf("  {\"key\": %s, %s", quoted(key), shown(excerpt(byKey[key], deadline)))
			fmt.Println("}" + comma(number, len(illegal)))
		}
		fmt.Printf("], \"undecided\": %s}\n", quoted(unknown))
		return notLinearizable
	case len(unknown) > 0:
		fmt.Printf("{\"verdict\": \"undecided\", \"keys\": %s}\n", quoted(unknown))
		return undecided
	default:
		fmt.Printf("{\"verdict\": \"linearizable\", \"keys\": %s, \"calls\": %d}\n", quoted(keys), len(calls))
		return linearizable
	}
}

// shown is an excerpt with the lines as they were given, and the number of those that are too many to show.
func shown(calls []*call) string {
	var text strings.Builder
	few := calls[:min(len(calls), mostShown)]
	fmt.Fprintf(&text, "\"not_shown\": %d, \"excerpt\": [\n", len(calls)-len(few))
	for number, each := range few {
		fmt.Fprintf(&text, "    {\"line\": %d, \"call\": %s}%s\n", each.line, each.text, comma(number, len(few)))
	}
	text.WriteString("  ]")
	return text.String()
}

func comma(number, count int) string {
	if number == count-1 {
		return ""
	}
	return ","
}

// quoted is a text or a list of texts as JSON, which cannot fail for these.
func quoted(value any) string {
	encoded, _ := json.Marshal(value)
	return string(encoded)
}
