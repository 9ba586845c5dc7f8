package main

import (
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// register is what one key may do: it is absent at first, a read finds what it holds, a write replaces that, and a
// compare-and-swap replaces it where it is what was expected.
//
// A reply that was lost needs no second outcome here. Such a call may come as late as never: after every call that is
// left, where nobody sees its effect. That is the order in which it did not take effect.
var register = porcupine.Model{
	Init: func() any { return value{} },
	Step: func(state, input, _ any) (bool, any) {
		holds, asked := state.(value), input.(*call)
		matches := holds == asked.expected
		switch {
		case asked.operation == read:
			return holds == asked.found, holds
		case asked.operation == write:
			return true, asked.value
		case asked.outcome == ok && (holds != asked.found || matches != asked.swapped):
			return false, holds
		case matches:
			return true, asked.value
		default:
			return true, holds
		}
	},
}

// partition sorts calls by their keys, in the order in which these first appear.
func partition(calls []*call) (keys []string, byKey map[string][]*call) {
	byKey = map[string][]*call{}
	for _, each := range calls {
		if _, known := byKey[each.key]; !known {
			keys = append(keys, each.key)
		}
		byKey[each.key] = append(byKey[each.key], each)
	}
	return keys, byKey
}

// verdicts checks all keys at the same time, and returns those that have no order and those that were not decided.
func verdicts(keys []string, byKey map[string][]*call, deadline time.Time) (illegal, unknown []string) {
	results := make([]chan porcupine.CheckResult, len(keys))
	for number, key := range keys {
		results[number] = make(chan porcupine.CheckResult, 1)
		go func() { results[number] <- check(byKey[key], deadline) }()
	}
	illegal, unknown = []string{}, []string{}
	for number, key := range keys {
		switch <-results[number] {
		case porcupine.Illegal:
			illegal = append(illegal, key)
		case porcupine.Unknown:
			unknown = append(unknown, key)
		}
	}
	return illegal, unknown
}

// check looks for an order of one key's calls.
func check(calls []*call, deadline time.Time) porcupine.CheckResult {
	left := time.Until(deadline)
	if left <= 0 {
		return porcupine.Unknown
	}
	return porcupine.CheckOperationsTimeout(register, toOperations(calls), left)
}

// toOperations gives porcupine what has to be put in order.
func toOperations(calls []*call) []porcupine.Operation {
	var history []porcupine.Operation
	for _, each := range settled(calls) {
		history = append(history, porcupine.Operation{Input: each, Call: each.called, Return: each.returned})
	}
	return history
}

// settled leaves out what failed and what nobody saw, and says of lost replies what others tell of them. There is an
// order of what it returns exactly where there is one of what it was given. It only keeps the search short, which else
// tries every lost reply everywhere.
func settled(calls []*call) []*call {
	left := withoutUnseen(slices.DeleteFunc(slices.Clone(calls), func(each *call) bool {
		return each.outcome == failed || each.outcome == maybe && each.operation == read
	}))
	writers := map[value]int{}
	for _, each := range left {
		if each.operation != read {
			writers[each.value]++
		}
	}
	for changed := true; changed; {
		changed = false
		seen := sightings(left)
		for number, each := range left {
			if first, there := seen[each.value]; there && each.outcome == maybe && writers[each.value] == 1 {
				left[number] = certain(each, first)
				changed = true
			}
		}
	}
	for number, each := range left {
		if each.outcome == maybe {
			late := *each
			late.returned = never
			left[number] = &late
		}
	}
	return left
}

// withoutUnseen leaves out what has a lost reply and a value that nobody found, and that no lost compare-and-swap
// expects. In an order with such a call no other one tells whether it is there, so there is one without it, too. What
// is left out may have been the only one who expected another's value, so this goes on until nothing changes.
func withoutUnseen(calls []*call) []*call {
	for {
		seen := map[value]bool{}
		for _, each := range calls {
			if each.outcome == ok {
				seen[each.found] = true
			} else if each.operation == swap {
				seen[each.expected] = true
			}
		}
		fewer := slices.DeleteFunc(slices.Clone(calls), func(each *call) bool {
			return each.outcome == maybe && !seen[each.value]
		})
		if len(fewer) == len(calls) {
			return calls
		}
		calls = fewer
	}
}

// sighting is when the first of those who found a value had called, and when the first had returned.
type sighting struct{ called, returned int64 }

func sightings(calls []*call) map[value]sighting {
	seen := map[value]sighting{}
	for _, each := range calls {
		if each.outcome != ok || each.operation == write {
			continue
		}
		first, there := seen[each.found]
		if !there {
			first = sighting{never, never}
		}
		seen[each.found] = sighting{min(first.called, each.called), min(first.returned, each.returned)}
	}
	return seen
}

// certain is a call with a lost reply whose value was found, and which nobody else writes: it took effect, before the
// first who found that had returned. Nobody can tell whether it did so before the first of them had called.
func certain(lost *call, first sighting) *call {
	done := *lost
	done.outcome, done.found, done.swapped = ok, lost.expected, true
	done.called = max(lost.called, first.called)
	done.returned = max(done.called, first.returned)
	return &done
}
