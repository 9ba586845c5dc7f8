"""Two loops in one agent: neither holds the other up, hides that it hangs, or outlives it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from coordination.outcomes import Known, Reading, Unknown
from tests.waiting import BUSY_SECONDS, wait_for
from userdata.agent import loop as loops
from userdata.agent.csr_approver import CsrApprover, tasks
from userdata.agent.loop import Loop, serve
from userdata.agent.tasks import Task
from userdata.agent.watchdog import Heart, Pulse, Stopping
from userdata.host.notify import ALIVE, STOPPING
from userdata.kube.client import Api
from userdata.logs.lines import Log

IN_TIME_SECONDS = 30.0
"""An agent ends within a second; here that is told from a minute of hanging, on a machine that may be busy."""

QUICK = 0.01
NAMES = ["tasks", "certificates"]


class Agent:
    """Two loops with real clocks and threads, what systemd hears of them, and their lines. This node leads."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.lines: list[str] = []
        self.released = threading.Event()
        self.code: int | None = None
        self.heart = Heart(self.heard.append)
        self.pulses: dict[str, Pulse] = {name: self.heart.pulse(name) for name in NAMES}
        self._stop = threading.Event()

    def held(self) -> bool:
        return True

    def loop(self, name: str, run: Callable[[], str], period_seconds: float = QUICK) -> Loop:
        return self.loop_of(name, Task(name, period_seconds, run, leader_only=False))

    def loop_of(self, name: str, task: Task) -> Loop:
        return Loop([task], self, Log(self.lines.append), self.pulses[name], chance=lambda: 0.5)

    @contextmanager
    def serving(self, *made: Loop) -> Iterator[None]:
        """The agent as a program, which is told to end when the block does."""
        running = threading.Thread(target=self._serve, args=(made,))
        running.start()
        try:
            yield
        finally:
            self._stop.set()
            running.join(BUSY_SECONDS)
            assert not running.is_alive()

    def _serve(self, made: tuple[Loop, ...]) -> None:
        self.code = serve(made, self.heart, self.released.set, self._stop)

    def told(self) -> list[tuple[str, ...]]:
        return [tuple(json.loads(line)[field] for field in ("stage", "outcome", "reason")) for line in self.lines]


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Agent:
    monkeypatch.setattr(loops, "TURN_SECONDS", QUICK)
    return Agent()


class Counted:
    """A task that is done in no time."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self) -> str:
        self.runs += 1
        return ""

    def goes_on(self) -> None:
        """Wait until it has run a few times more."""
        least = self.runs + 5
        wait_for(lambda: self.runs >= least, "more runs")


class Hanging:
    """A task that waits without a sign of life, until it is let go."""

    def __init__(self) -> None:
        self.entered, self.leave = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.entered.set()
        self.leave.wait(60)
        return ""


def test_systemd_hears_only_of_what_all_loops_have_said_since_it_heard_last() -> None:
    heard: list[str] = []
    heart = Heart(heard.append)
    one, other = heart.pulse("one"), heart.pulse("other")
    one.beat()
    one.beat()
    assert heard == []
    other.beat()
    assert heard == [ALIVE]
    other.beat()
    other.beat()
    assert heard == [ALIVE]
    one.beat()
    assert heard == [ALIVE, ALIVE]


def test_both_loops_run_and_systemd_hears_of_them(agent: Agent) -> None:
    one, other = Counted(), Counted()
    with agent.serving(agent.loop("tasks", one), agent.loop("certificates", other)):
        one.goes_on()
        other.goes_on()
        before = agent.heard.count(ALIVE)
        wait_for(lambda: agent.heard.count(ALIVE) > before + 3, "more beats")


@pytest.mark.parametrize("hangs", NAMES)
def test_systemd_hears_nothing_while_one_loop_hangs_however_lively_the_other_one_is(agent: Agent, hangs: str) -> None:
    hanging, lively = Hanging(), Counted()
    made = [agent.loop(name, hanging if name == hangs else lively) for name in NAMES]
    with agent.serving(*made):
        assert hanging.entered.wait(BUSY_SECONDS)
        lively.goes_on()
        heard = agent.heard.count(ALIVE)
        lively.goes_on()
        lively.goes_on()
        assert agent.heard.count(ALIVE) == heard
        # It has the whole of the watchdog's time: what moves again is heard again.
        hanging.leave.set()
        wait_for(lambda: agent.heard.count(ALIVE) > heard, "another beat")


def test_a_restart_that_takes_long_is_no_hanging_and_holds_nothing_up(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("userdata.agent.watchdog.BEAT_SECONDS", QUICK)
    serves = threading.Event()
    lively = Counted()

    def restart() -> str:
        return "restarted" if agent.pulses["certificates"].until(serves.is_set, 60, QUICK) else "gave up"

    with agent.serving(agent.loop("tasks", lively), agent.loop("certificates", restart, 3600)):
        lively.goes_on()
        before = agent.heard.count(ALIVE)
        lively.goes_on()
        wait_for(lambda: agent.heard.count(ALIVE) > before + 3, "more beats")
        assert agent.lines == []
        serves.set()
        wait_for(lambda: agent.told() == [("certificates", "done", "restarted")], "the end of the restart")


def test_one_that_is_told_to_end_ends_both_and_lets_go_of_what_it_holds(agent: Agent) -> None:
    begun = {name: threading.Event() for name in NAMES}
    ended: list[str] = []

    def waiting(name: str) -> Callable[[], str]:
        def wait() -> str:
            begun[name].set()
            try:
                agent.pulses[name].pause(3600)
            except Stopping:
                ended.append(name)
                raise
            return ""

        return wait

    with agent.serving(*(agent.loop(name, waiting(name)) for name in NAMES)):
        assert all(each.wait(BUSY_SECONDS) for each in begun.values())
        began = time.monotonic()
    assert time.monotonic() - began < IN_TIME_SECONDS
    assert sorted(ended) == sorted(NAMES)
    assert (agent.code, agent.lines, agent.heard.count(STOPPING)) == (0, [], 1)
    assert agent.released.is_set()


def test_the_end_is_in_time_even_if_both_hang(agent: Agent) -> None:
    hanging = [Hanging(), Hanging()]
    with agent.serving(*(agent.loop(name, each) for name, each in zip(NAMES, hanging, strict=True))):
        assert all(each.entered.wait(BUSY_SECONDS) for each in hanging)
        began = time.monotonic()
    assert time.monotonic() - began < IN_TIME_SECONDS
    assert agent.code == 0
    assert agent.released.is_set()
    for each in hanging:
        each.leave.set()


@pytest.mark.parametrize("fails", NAMES)
def test_a_task_that_fails_in_one_loop_is_told_and_stops_neither(agent: Agent, fails: str) -> None:
    failures, fine = Counted(), Counted()

    def fail() -> str:
        failures()
        raise KeyError("what nobody expected")

    made = [agent.loop(name, fail if name == fails else fine) for name in NAMES]
    with agent.serving(*made):
        wait_for(lambda: failures.runs >= 3, "more tries")
        fine.goes_on()
    assert agent.told() == [(fails, "failed", "KeyError")]
    assert agent.code == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("breaks", NAMES)
def test_a_loop_that_breaks_says_so_and_the_agent_ends_to_be_started_again(agent: Agent, breaks: str) -> None:
    def leave() -> str:
        raise SystemExit

    other = Counted()
    made = [agent.loop(name, leave if name == breaks else other) for name in NAMES]
    assert serve(made, agent.heart, agent.released.set, threading.Event()) == 1
    assert agent.told() == [(f"loop {breaks}", "failed", "SystemExit")]
    assert agent.released.is_set()
    runs = other.runs
    time.sleep(10 * QUICK)
    assert other.runs == runs


class RestartingApi:
    """Of an API server, what the approvals ask first: away until it is back."""

    def __init__(self) -> None:
        self.asked = 0
        self.back = threading.Event()

    def pages(self, *asked: object, largest: int) -> Iterator[Reading[tuple[Any, ...]]]:
        self.asked += 1
        yield Known(()) if self.back.is_set() else Unknown("list requests at 10.0.0.5: ConnectionRefusedError")


def test_requests_are_judged_while_certificates_are_busy_as_soon_as_the_api_server_answers_again(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("userdata.agent.csr_approver.APPROVAL_SECONDS", QUICK)
    api = RestartingApi()
    judge = CsrApprover(cast(Api, api), cast(Any, None), cast(Any, None), lambda name: name)
    busy = Hanging()
    approving = agent.loop_of("tasks", tasks(judge)[0])
    with agent.serving(approving, agent.loop("certificates", busy)):
        assert busy.entered.wait(BUSY_SECONDS)
        # Were it tried ever more rarely, so many tries would take hours.
        wait_for(lambda: api.asked > 20, "many tries")
        api.back.set()
        wait_for(lambda: len(agent.lines) == 2, "an answer")
        busy.leave.set()
    assert agent.told() == [
        ("approvals", "failed", "list requests at 10.0.0.5: ConnectionRefusedError"),
        ("approvals", "done", "it works again"),
    ]
