"""Which requests for certificates are looked at, and in which order, where a pass has no time for all. Pure.

Whoever holds the join token may store as many requests as it likes, in any name, and each node in its own. None of them
may hold up the others: requests about instances of the cluster come before those about strangers, what a node asks for
by itself before what somebody asks for with the token, each has its turn before any has a second one, and what was
looked at before comes after what was not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from userdata.agent.csr_policy import Asked, RequestKind
from userdata.kube.resources import Object

LARGEST_REQUEST = 8192
"""Characters of a request in base64. A kubelet's has a thousand."""
TURNS = 20
"""How many requests of one kind about one name are looked at in a pass. A kubelet has one, and after restarts a few."""
KEPT = 200
"""How many are kept in mind; and of those about strangers a hundred times as many in all. There is room for no more."""


@dataclass(frozen=True)
class WaitingRequest:
    """A request that nobody has judged."""

    uid: str
    kind: RequestKind
    asked: Asked
    head: Object
    """What it is judged by: its kind, name and version. Not the rest, for there may be many."""
    is_own: bool = False
    """Whether only the instance itself can have stored it: by its certificate, or under the name of the very key that
    its boot row speaks of."""

    @property
    def is_the_one(self) -> bool:
        """Whether it is an instance's own first request, of which there is one at most."""
        return self.is_own and self.kind is RequestKind.FIRST

    @property
    def name(self) -> str:
        """The instance that it is about."""
        return self.asked.named


def in_order(
    waiting: Iterable[WaitingRequest], is_ours: Callable[[str], bool], looked_at: Mapping[str, int]
) -> Sequence[WaitingRequest]:
    """Whom to look at, the first first. `looked_at` has the number of the last pass in which a request was.

    Those of the same turn come in the order of their age.
    """
    turns: dict[tuple[str, RequestKind], int] = {}
    placed: list[tuple[tuple[bool, int, bool, int, float, str], WaitingRequest]] = []
    for each in sorted(waiting, key=lambda each: (looked_at.get(each.uid, 0), -each.asked.age_seconds, each.uid)):
        turn = 1
        if not each.is_the_one:
            turn = turns[each.name, each.kind] = turns.get((each.name, each.kind), 0) + 1
        if turn <= TURNS:
            stranger = not is_ours(each.name)
            place = (stranger, looked_at.get(each.uid, 0), not each.is_own, turn, -each.asked.age_seconds, each.uid)
            placed.append((place, each))
    return [each for _, each in sorted(placed, key=lambda pair: pair[0])]


class Pile:
    """What waits, as much of it as there is room for: of each kind about each name, and of strangers in all."""

    def __init__(self, is_ours: Callable[[str], bool]) -> None:
        self._is_ours = is_ours
        self._counts: dict[tuple[str, RequestKind], int] = {}
        self._strangers = 0
        self.waiting: list[WaitingRequest] = []

    def put(self, request: WaitingRequest) -> None:
        """Keep it in mind, or leave it for another pass."""
        if request.is_the_one:
            self.waiting.append(request)
            return
        key = request.name, request.kind
        self._counts[key] = self._counts.get(key, 0) + 1
        stranger = not self._is_ours(request.name)
        self._strangers += stranger
        if self._counts[key] <= KEPT and (not stranger or self._strangers <= 100 * KEPT):
            self.waiting.append(request)
