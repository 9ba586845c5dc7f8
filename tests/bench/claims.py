"""The first claim among a hundred contenders, and what it costs them."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from tests.integration.claim_race import race
from tests.integration.harness import Processes

CONTENDERS = 100
ROUNDS = 20
MOST_REQUESTS = 4
"""A look, the claim, and a look after a refusal; one to spare."""


def claim_race() -> dict[str, Any]:
    """Rounds with exactly one winner whom the table names, the most requests of any contender, seconds of a round."""
    with tempfile.TemporaryDirectory() as folder:
        processes = Processes(Path(folder))
        try:
            endpoint = processes.start_aws(1)
            started = time.perf_counter()
            rounds = race(endpoint, CONTENDERS, ROUNDS)
            seconds = (time.perf_counter() - started) / ROUNDS
        finally:
            processes.stop()
    return {
        "contenders": CONTENDERS,
        "rounds": ROUNDS,
        "rounds_with_one_winner": sum(each.winners == (each.owner,) for each in rounds),
        "most_requests": max(each.most_requests for each in rounds),
        "seconds_per_round": seconds,
    }
