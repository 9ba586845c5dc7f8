"""Where faults wait for programs, and what programs tell of themselves: wrapped around their own methods."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

from tests.storm.faults import Step
from tests.storm.light import clock
from tests.storm.light.shared import Places
from userdata.agent.removal.task import Removal
from userdata.boot.stages import Stages
from userdata.etcd.client import Etcd
from userdata.etcd.model import hexadecimal
from userdata.etcd.refusals import EtcdRefused

KILL, FREEZE = "kill", "freeze"
ADDED, STARTED = "kubeadm-added", "kubeadm-started"
"""Where a joiner is inside of its kubeadm: etcd lists it as a learner; its etcd answers, and is not promoted yet."""

FUNCTION, MOST_REQUESTS = "function", 20
"""The trap in which the function ends, and within how many of its requests to AWS from there on."""


def agent_trap(step: str) -> str:
    """The name of the trap for the next agent that comes to a step."""
    return f"agent-{step}"


def boot_trap(step: str) -> str:
    """The name of the trap for the next node that comes to a stage of its boot, or to a step of its kubeadm."""
    return f"joiner-{step}"


def failing_boot(slot: str) -> str:
    """The name of the trap for the next boot of a slot, which fails from there on."""
    return f"boot-{slot}"


def spring(places: Places, trap: str, instance_id: str, step: str) -> None:
    """Walk into a trap: end here, or stop until somebody lets this process go on."""
    found = places.take(trap)
    if found is None:
        return
    places.tell("trapped", instance=instance_id, step=step, **found)
    os.kill(os.getpid(), signal.SIGKILL if found["what"] == KILL else signal.SIGSTOP)
    # A signal is delivered before the next step of this thread, at the latest here.
    clock.sleep_really(0.01)


def watch_agent(places: Places, instance_id: str) -> None:
    """Traps at the steps of a removal, and an event of each call that removes a member."""

    def reached(step: Step) -> None:
        spring(places, agent_trap(step), instance_id, step)

    made: Any = Removal
    current = threading.local()
    accepted, drained, moved = made._accepted, made._is_drained, made._move_leadership
    remove, finished = made._remove, made._finished

    def after_accept(self: Any, found: Any) -> Any:
        answer = accepted(self, found)
        reached(Step.ACCEPT)
        return answer

    def after_drain(self: Any, *given: Any) -> Any:
        done = drained(self, *given)
        if done:
            reached(Step.DRAIN)
        return done

    def after_move(self: Any, *given: Any) -> Any:
        answer = moved(self, *given)
        reached(Step.MOVE)
        return answer

    def after_check(self: Any, operation: Any, look: Any, target: Any) -> Any:
        current.removal = {
            "checked": clock.real_moment(look.began),
            "instance": operation.target_instance or target.name,
            "operation": operation.operation_id,
            "by_etcd_alone": operation.by_etcd_alone,
            "learner": target.is_learner,
        }
        reached(Step.CHECK)
        return remove(self, operation, look, target)

    def after_result(self: Any, *given: Any) -> Any:
        answer = finished(self, *given)
        reached(Step.RESULT)
        return answer

    made._accepted, made._is_drained, made._move_leadership = after_accept, after_drain, after_move
    made._remove, made._finished = after_check, after_result
    _tell_removals(places, instance_id, lambda: dict(current.removal), lambda: reached(Step.REMOVE))


def watch_boot(places: Places, instance_id: str) -> None:
    """A trap at the beginning of each stage, and an event of each; also of a call that takes its own learner back."""
    made: Any = Stages
    stage = made.stage

    def begun(self: Any, name: str, *given: Any, **more: Any) -> Any:
        places.tell("stage", instance=instance_id, stage=name)
        spring(places, boot_trap(name), instance_id, name)
        return stage(self, name, *given, **more)

    made.stage = begun
    own = {"checked": 0.0, "instance": instance_id, "operation": "", "by_etcd_alone": False, "learner": True}
    _tell_removals(places, instance_id, lambda: own | {"checked": clock.real() - 0.001}, lambda: None)


def _tell_removals(places: Places, instance_id: str, about: Any, after: Any) -> None:
    made: Any = Etcd
    call = made.remove

    def remove(self: Any, member_id: int) -> Any:
        began = clock.real()
        places.tell("removal", began=began, by=instance_id, member_id=hexadecimal(member_id), **about())
        answer = call(self, member_id)
        if isinstance(answer, EtcdRefused):
            places.tell("refused", began=began)
        after()
        return answer

    made.remove = remove
