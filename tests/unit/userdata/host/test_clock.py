"""Whether the clock is synchronised, by the kernel's word; no test can change what the real one says."""

from __future__ import annotations

import ctypes

import pytest

from userdata.host import clock


@pytest.mark.parametrize(("state", "expected"), [(0, True), (1, True), (4, True), (5, False)])
def test_only_the_state_error_means_that_it_is_not(monkeypatch: pytest.MonkeyPatch, state: int, expected: bool) -> None:
    answering(monkeypatch, state)
    assert clock.is_synchronised() is expected


def test_a_call_that_fails_is_an_error_and_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, -1)
    with pytest.raises(OSError, match="adjtimex"):
        clock.is_synchronised()


def answering(monkeypatch: pytest.MonkeyPatch, state: int) -> None:
    """Let the kernel say this, and see that it is only asked: the first field of what it gets is 0."""

    class Library:
        def __init__(self, name: None, *, use_errno: bool) -> None:
            assert use_errno

        def adjtimex(self, given: ctypes.Array[ctypes.c_byte]) -> int:
            # struct timex has 208 bytes on 64-bit machines.
            assert (bytes(given[:4]), len(given) >= 208) == (bytes(4), True)
            return state

    monkeypatch.setattr(ctypes, "CDLL", Library)
