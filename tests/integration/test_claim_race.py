"""The first claim among many at once on the local AWS; `make bench` runs a hundred of them."""

from __future__ import annotations

from tests.integration.claim_race import race

SPEED = 1


def test_of_many_that_claim_at_one_moment_exactly_one_wins(endpoint: str) -> None:
    for each in race(endpoint, contenders=25, rounds=3):
        assert each.winners == (each.owner,)
        assert each.most_requests <= 4
