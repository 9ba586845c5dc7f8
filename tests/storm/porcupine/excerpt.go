package main

import (
	"cmp"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// excerpt leaves out calls of a key that has no order as long as the others have none either, in large parts first, and
// stops at the deadline. What it returns is a contradiction of its own: a call that changes the value is left out only
// together with everybody who found what it wrote, so that nothing becomes wrong by what is missing.
func excerpt(calls []*call, deadline time.Time) []*call {
	left := slices.DeleteFunc(slices.Clone(calls), func(each *call) bool { return each.outcome == failed })
	slices.SortStableFunc(left, func(one, other *call) int { return cmp.Compare(one.called, other.called) })
	for size := max(len(left)/2, 1); ; size = max(size/2, 1) {
		fewer := reduced(left, size, deadline)
		if size == 1 && len(fewer) == len(left) {
			return left
		}
		left = fewer
	}
}

// reduced tries once to leave out each part of this size, the latest first.
func reduced(left []*call, size int, deadline time.Time) []*call {
	latestFirst := slices.Clone(left)
	slices.Reverse(latestFirst)
	for part := range slices.Chunk(latestFirst, size) {
		candidate := without(left, part)
		if len(candidate) < len(left) && check(candidate, deadline) == porcupine.Illegal {
			left = candidate
		}
	}
	return left
}

// without leaves out calls, and all that found what they wrote.
func without(calls, leaving []*call) []*call {
	gone := map[*call]bool{}
	lost := map[value]bool{}
	for _, each := range leaving {
		gone[each] = true
	}
	for before := -1; before != len(gone); {
		before = len(gone)
		for each := range gone {
			if each.operation != read {
				lost[each.value] = true
			}
		}
		for _, each := range calls {
			sees := each.outcome == ok && each.operation != write && lost[each.found]
			if sees || each.outcome == maybe && each.operation == swap && lost[each.expected] {
				gone[each] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(calls), func(each *call) bool { return gone[each] })
}
