"""The agent's loop: who runs when, what is told, and how it ends."""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.userdata.secrecy import leaks, texts
from tests.waiting import BUSY_SECONDS
from userdata.agent.loop import LONGEST_PAUSE_SECONDS, Loop, serve
from userdata.agent.tasks import Task
from userdata.agent.watchdog import Heart, Stopping
from userdata.host.notify import ALIVE, READY, STOPPING, notifier
from userdata.logs.lines import Clocks, Log, StageFailed

IN_TIME_SECONDS = 30.0
"""An agent ends within a second; here that is told from a minute of hanging, on a machine that may be busy."""

SECRET = "0123456789abcdef"


class World:
    """A clock that a test moves, the lines that were written, what systemd heard, and who leads."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.lines: list[str] = []
        self.heard: list[str] = []
        self.leads = True
        self.log = Log(self.lines.append, Clocks(wall=lambda: 0.0, steady=lambda: self.now, computed=lambda: 0.0))
        self.heart = Heart(self.heard.append)
        self.pulse = self.heart.pulse("tasks")

    def held(self) -> bool:
        return self.leads

    def loop(self, *tasks: Task) -> Loop:
        # 0.5 is the middle: no jitter.
        return Loop(tasks, self, self.log, self.pulse, chance=lambda: 0.5)

    def pass_time(self, loop: Loop, seconds: float, step: float = 1.0) -> None:
        for _ in range(round(seconds / step)):
            self.now += step
            loop.step()

    def told(self) -> list[tuple[str, ...]]:
        return [tuple(json.loads(line)[field] for field in ("stage", "outcome", "reason")) for line in self.lines]


@pytest.fixture
def world() -> World:
    return World()


def noting(runs: list[float], world: World) -> Callable[[], str]:
    """What writes down when it runs."""

    def run() -> str:
        runs.append(world.now)
        return ""

    return run


def failing(reason: str) -> Callable[[], str]:
    def run() -> str:
        raise StageFailed(reason)

    return run


def test_each_task_runs_at_its_own_period(world: World) -> None:
    often: list[float] = []
    rarely: list[float] = []
    loop = world.loop(Task("often", 10, noting(often, world), False), Task("rarely", 30, noting(rarely, world), False))
    world.pass_time(loop, 61)
    assert (len(often), len(rarely)) == (7, 3)


def test_a_task_that_had_nothing_to_do_is_not_told(world: World) -> None:
    world.pass_time(world.loop(Task("quiet", 10, lambda: "", False)), 100)
    assert world.lines == []


def test_what_a_task_did_is_a_line(world: World) -> None:
    world.pass_time(world.loop(Task("tokens", 50, lambda: "a new token", False)), 2)
    assert world.told() == [("tokens", "done", "a new token")]


def test_only_the_leader_runs_what_one_agent_may_do_and_a_new_leader_does_it_at_once(world: World) -> None:
    runs: list[float] = []
    loop = world.loop(Task("approve", 10, noting(runs, world), True))
    world.leads = False
    world.pass_time(loop, 30)
    assert runs == []
    world.leads = True
    world.pass_time(loop, 1)
    assert runs == [1031.0]


def test_the_same_failure_is_told_once_a_minute_and_tried_ever_more_rarely(world: World) -> None:
    tries: list[float] = []

    def run() -> str:
        tries.append(world.now)
        raise StageFailed("the table does not answer")

    loop = world.loop(Task("rows", 10, run, False))
    world.pass_time(loop, 155)
    assert [later - sooner for sooner, later in itertools.pairwise(tries)] == [10, 20, 40, 80]
    # At 1001, 1011, 1031, 1071 and 1151: the second and third would be a repetition.
    assert world.told() == [("rows", "failed", "the table does not answer")] * 3


def test_a_failure_of_another_kind_is_told_at_once(world: World) -> None:
    reasons = iter(["one", "two", "one"])
    loop = world.loop(Task("rows", 10, lambda: failing(next(reasons))(), False))
    world.pass_time(loop, 35)
    assert world.told() == [("rows", "failed", "one"), ("rows", "failed", "two")]


def test_a_task_that_works_again_says_so_and_is_as_frequent_as_before(world: World) -> None:
    broken = [True]
    runs: list[float] = []

    def run() -> str:
        runs.append(world.now)
        return failing("no answer")() if broken else ""

    loop = world.loop(Task("rows", 10, run, False))
    world.pass_time(loop, 35)
    broken.clear()
    world.pass_time(loop, 60)
    assert world.told() == [("rows", "failed", "no answer"), ("rows", "done", "it works again")]
    assert [later - sooner for sooner, later in itertools.pairwise(runs)] == [10, 20, 40, 10, 10]


def test_a_failing_task_is_tried_every_five_minutes_at_least(world: World) -> None:
    tries: list[float] = []

    def run() -> str:
        tries.append(world.now)
        raise StageFailed("no")

    loop = world.loop(Task("rows", 10, run, False))
    world.pass_time(loop, 7200)
    assert tries[-1] - tries[-2] == LONGEST_PAUSE_SECONDS


def test_what_somebody_waits_for_keeps_its_period_while_it_fails(world: World) -> None:
    tries: list[float] = []

    def run() -> str:
        tries.append(world.now)
        raise StageFailed("the API server does not answer")

    loop = world.loop(Task("approvals", 3, run, True, urgent=True))
    world.pass_time(loop, 100)
    assert {later - sooner for sooner, later in itertools.pairwise(tries)} == {3}
    assert world.told() == [("approvals", "failed", "the API server does not answer")] * 2


def test_what_nobody_expected_is_told_by_its_kind_and_the_others_go_on(world: World) -> None:
    runs: list[float] = []

    def broken() -> str:
        raise KeyError(SECRET)

    loop = world.loop(
        Task("broken", 10, broken, False),
        Task("works", 10, noting(runs, world), False),
    )
    world.pass_time(loop, 12)
    assert world.told() == [("broken", "failed", "KeyError")]
    assert leaks({"token": SECRET}, texts(log="".join(world.lines))) == []
    assert runs == [1001.0, 1011.0]


def test_a_task_that_waits_ends_when_the_agent_does(world: World) -> None:
    waited: list[str] = []

    def wait() -> str:
        try:
            world.pulse.pause(3600)
        except Stopping:
            waited.append("stopped")
            raise
        return ""

    stop, released = threading.Event(), threading.Event()
    loop = Loop([Task("wait", 1, wait, False)], world, Log(world.lines.append), world.pulse, chance=lambda: 0.0)
    threading.Timer(0.2, stop.set).start()
    began = time.monotonic()
    assert serve([loop], world.heart, released.set, stop) == 0
    assert time.monotonic() - began < IN_TIME_SECONDS
    assert waited == ["stopped"]
    assert released.is_set()
    assert world.lines == []


def test_the_agent_ends_within_a_second_whatever_a_task_is_doing_and_lets_its_leases_go(world: World) -> None:
    stop, released, stuck = threading.Event(), threading.Event(), threading.Event()

    def hang() -> str:
        stuck.wait(60)
        return ""

    loop = Loop([Task("hang", 1, hang, False)], world, Log(world.lines.append), world.pulse, chance=lambda: 0.0)
    stop.set()
    began = time.monotonic()
    assert serve([loop], world.heart, released.set, stop) == 0
    assert time.monotonic() - began < IN_TIME_SECONDS
    assert released.is_set()
    stuck.set()


def test_an_agent_that_hangs_is_silent_so_that_systemd_starts_it_again(world: World) -> None:
    entered, leave = threading.Event(), threading.Event()

    def hang() -> str:
        entered.set()
        leave.wait(60)
        return ""

    loop = Loop([Task("hang", 1, hang, False)], world, Log(world.lines.append), world.pulse, chance=lambda: 0.0)
    threading.Thread(target=loop.run, daemon=True).start()
    assert entered.wait(BUSY_SECONDS)
    beats = world.heard.count(ALIVE)
    time.sleep(0.3)
    assert world.heard.count(ALIVE) == beats
    world.heart.stop()
    leave.set()


def test_a_loop_that_breaks_is_an_exit_code_of_its_own(world: World) -> None:
    class Broken(Loop):
        def run(self) -> None:
            return

    assert serve([Broken([], world, world.log, world.pulse)], world.heart, lambda: None, threading.Event()) == 1


def test_a_task_that_waits_for_something_beats_and_gives_up_in_time_however_long_a_look_takes(world: World) -> None:
    def slow() -> bool:
        time.sleep(0.1)
        return False

    began = time.monotonic()
    assert not world.pulse.until(slow, 0.5, every_seconds=0.01)
    assert 0.5 <= time.monotonic() - began < IN_TIME_SECONDS
    assert world.heard.count(ALIVE) >= 2
    answers = iter([False, True])
    assert world.pulse.until(lambda: next(answers), BUSY_SECONDS, every_seconds=0.01)
    world.heart.stop()
    with pytest.raises(Stopping):
        world.pulse.until(lambda: False, 5, every_seconds=0.01)


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_systemd_hears_what_is_told(tmp_path: Path, kind: str) -> None:
    address = str(tmp_path / "notify") if kind == "path" else f"@holdfast-{tmp_path.name}-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address if kind == "path" else f"\0{address[1:]}")
        listening.settimeout(BUSY_SECONDS)
        heart = Heart(notifier({"NOTIFY_SOCKET": address}))
        notifier({"NOTIFY_SOCKET": address})(READY)
        heart.pulse("tasks").beat()
        heart.stop()
        assert [listening.recv(64).decode() for _ in range(3)] == [READY, ALIVE, STOPPING]


def test_nobody_who_listens_is_no_failure(tmp_path: Path) -> None:
    notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")})(ALIVE)
    notifier({})(ALIVE)
