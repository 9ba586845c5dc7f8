"""AWS on a bad day: a drawn share of the requests of roles is throttled, fails, or loses its answer.

Operators, whose requests a test or a person makes, are left alone, and so is what the local AWS asks itself.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from enum import Enum
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

from rehearsal.aws.iam.refusals import Refusals

if TYPE_CHECKING:
    from rehearsal.aws.server import Call, LocalAws


class Trouble(Enum):
    """What becomes of a disturbed request."""

    THROTTLED = "refused for now, and not carried out"
    FAILED = "answered with an error of the service, and not carried out"
    UNANSWERED = "carried out, and its answer never arrives"


class Disturbance:
    """Disturbs the requests to one local AWS while it is told to."""

    def __init__(self, aws: LocalAws) -> None:
        self._sessions = aws.sessions
        self._lock = threading.Lock()
        self._share = 0.0
        self._random = random.Random()
        self._disturbed: Counter[str] = Counter()
        aws.guard(self._guard)
        aws.lose_answers(self._loses)

    def disturb(self, share: float, seed: int) -> None:
        """Disturb this share of requests from now on, drawn with a seed; none with 0. ValueError for another number."""
        if not 0 <= share < 1:
            raise ValueError(f"{share} of all requests; allowed: from 0 to less than 1")
        with self._lock:
            self._share, self._random = share, random.Random(seed)

    def report(self) -> list[str]:
        """How many requests were disturbed so far, a line for each service and trouble."""
        with self._lock:
            return [f"{count} of {what}" for what, count in sorted(self._disturbed.items())]

    def _guard(self, call: Call) -> Response | None:
        trouble = self._drawn(call, (Trouble.THROTTLED, Trouble.FAILED))
        if trouble is None:
            return None
        refusals = Refusals(call)
        return refusals.throttled() if trouble is Trouble.THROTTLED else refusals.failed("a drawn failure")

    def _loses(self, call: Call) -> bool:
        return self._drawn(call, (Trouble.UNANSWERED,)) is not None

    def _drawn(self, call: Call, wanted: tuple[Trouble, ...]) -> Trouble | None:
        """One of the `wanted` troubles, in its part of the share, or None."""
        with self._lock:
            if not self._share or self._sessions.find(call.access_key_id) is None:
                return None
            if self._random.random() >= self._share * len(wanted) / len(Trouble):
                return None
            trouble = self._random.choice(wanted)
            self._disturbed[f"{call.service}: {trouble.value}"] += 1
            return trouble
