"""Session tokens: how long they live, and whose they are."""

from __future__ import annotations

import pytest

from rehearsal.machines.metadata.tokens import LONGEST_SECONDS, BadTtl, Tokens


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_token_is_good_until_its_time_is_over() -> None:
    clock = Clock()
    tokens = Tokens(clock)
    token = tokens.grant("i-1", "60")
    clock.seconds += 59.9
    assert tokens.holds("i-1", token)
    clock.seconds += 0.1
    assert not tokens.holds("i-1", token)


def test_a_token_is_good_on_the_instance_that_asked_for_it_alone() -> None:
    tokens = Tokens(Clock())
    assert not tokens.holds("i-2", tokens.grant("i-1", "60"))


def test_an_instance_may_have_many_tokens() -> None:
    tokens = Tokens(Clock())
    granted = [tokens.grant("i-1", "60") for _ in range(10)]
    assert len(set(granted)) == 10
    assert all(tokens.holds("i-1", token) for token in granted)


def test_what_is_no_token_is_good_nowhere() -> None:
    tokens = Tokens(Clock())
    tokens.grant("i-1", "60")
    for text in ("", "x", "é"):
        assert not tokens.holds("i-1", text)
        assert not tokens.holds("", text)


@pytest.mark.parametrize("ttl", ["1", "60", str(LONGEST_SECONDS)])
def test_lifetimes_of_one_second_to_six_hours_are_granted(ttl: str) -> None:
    assert Tokens(Clock()).grant("i-1", ttl)


@pytest.mark.parametrize("ttl", [None, "", "0", "-1", "21601", "1.5", "1e3", "60s", " 60", "²", "٣", "9" * 5000])
def test_other_lifetimes_are_refused(ttl: str | None) -> None:
    with pytest.raises(BadTtl, match="allowed: 1 to 21600 seconds"):
        Tokens(Clock()).grant("i-1", ttl)
