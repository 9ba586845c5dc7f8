"""The launch hook is kept alive for as long as the boot moves, and not longer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from coordination.outcomes import Done, NoOp, Request, Unknown
from tests.waiting import wait_for
from userdata.boot.launch_hook import LaunchHeartbeat

BEAT = 0.01
"""Real seconds between two heartbeats; for how long the boot was silent, the test's own clock says."""

SILENT = "the boot makes no progress: no heartbeat of its launch hook is sent until it does"


class Hook:
    """A launch hook that counts heartbeats, and a clock that a test moves."""

    def __init__(self) -> None:
        self.beats = 0
        self.now = 0.0
        self.said: list[str] = []
        self.slept: list[float] = []
        self.answer: Request = Done()
        self.launch_hook = LaunchHeartbeat(self._beat, BEAT, self.said.append, lambda: self.now, self.slept.append)

    def _beat(self) -> Request:
        self.beats += 1
        return self.answer

    def beats_on(self) -> None:
        wanted = self.beats + 3
        wait_for(lambda: self.beats >= wanted, "heartbeats")


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.launch_hook.close()


def test_heartbeats_are_sent_while_the_boot_is_at_work(hook: Hook) -> None:
    hook.launch_hook.alive(100)
    hook.beats_on()
    hook.now = 100
    hook.beats_on()
    assert hook.said == []


def test_a_boot_that_says_nothing_for_longer_than_it_announced_is_not_kept_alive(hook: Hook) -> None:
    hook.launch_hook.alive(100)
    hook.now = 100.1
    wait_for(lambda: hook.said, "the silence")
    beats = hook.beats
    time.sleep(5 * BEAT)
    assert hook.beats == beats
    assert hook.said == [SILENT]


def test_a_boot_that_moves_again_after_a_silence_is_kept_alive_again_and_each_silence_is_told_once(hook: Hook) -> None:
    for silences in (1, 2, 3):
        hook.launch_hook.alive(100)
        hook.beats_on()
        hook.now += 100.1
        wait_for(lambda wanted=silences: len(hook.said) == wanted, "the silence")  # type: ignore[misc]
        time.sleep(5 * BEAT)
    assert hook.said == [SILENT] * 3


def test_whoever_waits_is_alive_for_as_long_as_it_waits(hook: Hook) -> None:
    hook.launch_hook.alive(1)
    hook.launch_hook.sleep(50)
    assert hook.slept == [50]
    hook.now = 50
    hook.beats_on()


def test_a_wait_is_a_wait_after_the_hook_was_answered_too(hook: Hook) -> None:
    hook.launch_hook.close()
    hook.launch_hook.sleep(5)
    assert hook.slept == [5]


def test_a_heartbeat_that_fails_is_told_once_and_the_next_one_is_sent(hook: Hook) -> None:
    hook.launch_hook.alive(100)
    hook.answer = Unknown("RecordLifecycleActionHeartbeat: Throttling")
    hook.beats_on()
    hook.answer = NoOp("no hook holds this instance")
    hook.beats_on()
    assert hook.said == ["a heartbeat of the launch hook failed: RecordLifecycleActionHeartbeat: Throttling"]


def test_once_it_was_answered_nothing_is_sent(hook: Hook) -> None:
    hook.launch_hook.alive(100)
    hook.beats_on()
    hook.launch_hook.close()
    wait_for(lambda: not beating(), "the end of the thread")
    beats = hook.beats
    time.sleep(5 * BEAT)
    assert hook.beats == beats


def beating() -> bool:
    return any(thread.name == "heartbeat" for thread in threading.enumerate())
