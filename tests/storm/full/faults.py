"""How each kind of fault is made in the full world."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from rehearsal.cloud.control import Refused
from rehearsal.local.processes import StepFailed
from tests.e2e import updating
from tests.storm import by_hand
from tests.storm.faults import AGENT, JOINER, LEADER, Fault, Kind
from tests.storm.full import process_faults
from tests.storm.full.machines import AWS, MEMBERS
from tests.storm.full.storm_events import IN_KUBEADM, lost_lease
from tests.storm.guard import may_be_lost
from tests.storm.lasting import Lasting
from tests.storm.trace import Life, Paused

if TYPE_CHECKING:
    from tests.storm.full.cloud import Cloud

TRAP_SECONDS = 180.0
_JOINING = ("holdfast-node", "kubeadm")
"""The programs of a node that boots."""
_JOINER_STAGES = ("gate", "joining-row", "check-gate", IN_KUBEADM, "voter-row", "launch-hook")


class Faults:
    """The faults of one local cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._lasting = Lasting()
        self._updating_badly = False
        self.strangers: set[str] = set()
        """The instances that a person has put into standby, or detached."""

    def inject(self, fault: Fault) -> str:
        """Let a fault begin; whom it hit, empty for nobody."""
        target = self._target(fault.target) if fault.target else ""
        if fault.target and not target:
            return ""
        try:
            return BEGIN[fault.kind](self, fault, target)
        except ClientError as error:
            if error.response["Error"]["Code"] in by_hand.REFUSALS:
                return ""
            raise
        except Refused:
            # The instance has ended since.
            return ""

    def end(self) -> None:
        """End every fault that lasts, take away what waits, and cancel an update that cannot succeed.

        Agents come to their steps when a successor has booted, minutes after the last fault of a schedule: traps wait
        for so long, but for no more than TRAP_SECONDS, and not where nothing moves.
        """
        self._lasting.end()
        if self._updating_badly:
            self._updating_badly = False
            self._cancel_update()
        deadline = time.monotonic() + TRAP_SECONDS
        while time.monotonic() < deadline and self._may_be_sprung():
            time.sleep(1.0)
        self._cloud.traps.clear()
        for name in self._cloud.seen.instances:
            self._cloud.machines.continue_all(name)

    def _may_be_sprung(self) -> bool:
        cloud = self._cloud
        return cloud.traps.are_open(cloud.seen.booting) and cloud.is_moving()

    # whom

    def _target(self, named: str) -> str:
        seen = self._cloud.seen
        if named == LEADER:
            return self._running(self._cloud.monitor.leading)
        if named == AGENT:
            return self._running(self._cloud.agent())
        if named == JOINER:
            return seen.booting[0] if seen.booting else JOINER
        return seen.in_slot(int(named.removeprefix("slot")))

    def _running(self, name: str) -> str:
        found = self._cloud.seen.instances.get(name)
        return name if found is not None and found.runs else ""

    # how

    def _terminate(self, fault: Fault, target: str) -> str:
        by_hand.terminate(self._cloud.client("autoscaling"), target)
        return target

    def _lose(self, fault: Fault, target: str) -> str:
        cloud = self._cloud
        operation = cloud.operation()
        leaves = "" if operation is None or operation.outcome is not None else operation.target_instance
        if not may_be_lost(target, cloud.monitor.listed, cloud.monitor.life, leaves):
            return ""
        if fault.kind is Kind.LOSE:
            cloud.control.act("lose", target)
            cloud.monitor.lives(target, Life.SILENT)
        else:
            cloud.end_instance(target)
        return target

    def _stand_by(self, fault: Fault, target: str) -> str:
        group = self._cloud.group_of(target)
        if not group:
            return ""
        by_hand.stand_by(self._cloud.client("autoscaling"), fault.kind, group, target)
        self.strangers.add(target)
        return target

    def _size(self, fault: Fault, target: str) -> str:
        group = self._cloud.group_of(target)
        if not group:
            return ""
        by_hand.size(self._cloud.client("autoscaling"), fault.kind, group)
        return f"slot of {target}"

    def _etcd(self, fault: Fault, target: str) -> str:
        begun = process_faults.begin(fault.kind, target, self._cloud)
        if begun is None:
            return ""
        if fault.seconds:
            self._lasting.begun(fault.seconds, begun)
        return target

    def _api(self, fault: Fault, target: str) -> str:
        begun = process_faults.stop_api(target, self._cloud)
        if begun is None:
            return ""
        self._lasting.begun(fault.seconds, begun)
        return target

    def _trap_agent(self, fault: Fault, target: str) -> str:
        self._cloud.traps.set_for_agents(fault)
        return ""

    def _partition(self, fault: Fault, target: str) -> str:
        if not self._cloud.machines.cut(target, MEMBERS):
            return ""
        self._cloud.monitor.lives(target, Life.SILENT)

        def heal() -> None:
            self._cloud.monitor.wakes(target)
            self._cloud.machines.heal(target, MEMBERS)

        self._lasting.begun(fault.seconds, heal)
        return target

    def _without_aws(self, fault: Fault, target: str) -> str:
        if not self._cloud.machines.cut(target, AWS):
            return ""
        self._lasting.begun(fault.seconds, lambda: self._cloud.machines.heal(target, AWS))
        return target

    def _function(self, fault: Fault, target: str) -> str:
        function = self._cloud.function
        if fault.kind is Kind.FUNCTION_AWAY:
            function.go_away()
            undo: Callable[[], object] = function.come_back
        elif fault.kind is Kind.FUNCTION_THROTTLED:
            function.throttle()
            undo = function.let_through
        elif fault.kind is Kind.FUNCTION_LATE:
            undo = function.call_late()
        else:
            undo = function.call_twice()
        self._lasting.begun(fault.seconds, undo)
        return "the function"

    def _kill_function(self, fault: Fault, target: str) -> str:
        """In the first second of a call, which the fault's time stands for."""
        return "the function" if self._cloud.function.kill_in_call(fault.at % 1.0) else ""

    def _disturb(self, fault: Fault, target: str) -> str:
        control = self._cloud.control
        control.disturb(by_hand.DISTURBED, seed=int(fault.at * 1000))
        self._lasting.begun(fault.seconds, lambda: control.disturb(0, seed=0))
        return "AWS"

    def _update(self, fault: Fault, target: str) -> str:
        bad = fault.kind is Kind.UPDATE_BAD
        try:
            if not self._cloud.update(bad=bad):
                return ""
        except StepFailed:
            # CloudFormation refuses: something else goes on.
            return ""
        self._updating_badly = bad
        if fault.kind is Kind.UPDATE_CANCELLED:
            self._lasting.begun(fault.seconds, self._cancel_update)
        return "the stack"

    def _cancel_update(self) -> None:
        # One that has ended, or goes back already, cannot be cancelled.
        with suppress(StepFailed):
            updating.cancel(self._cloud.cluster)

    def _pause_joiner(self, fault: Fault, target: str) -> str:
        """Now, where one boots; otherwise the next one, at a stage that the fault's time stands for."""
        if target == JOINER:
            stage = _JOINER_STAGES[int(fault.at * 100) % len(_JOINER_STAGES)]
            self._cloud.traps.set_for_joiner(fault, stage)
            return ""
        machines = self._cloud.machines
        found = [pid for name in _JOINING for pid in machines.pids(target, name)]
        if not found:
            return ""
        stage = self._cloud.monitor.stage(target)
        machines.signal(found, signal.SIGSTOP)
        began = time.monotonic()

        def go_on() -> None:
            paused = Paused(began, target, time.monotonic(), JOINER, stage)
            for event in (paused, *lost_lease(paused)):
                self._cloud.monitor.note(event)
            machines.signal(found, signal.SIGCONT)

        self._lasting.begun(fault.seconds, go_on)
        return target

    def _fail_boot(self, fault: Fault, target: str) -> str:
        self._cloud.traps.set_for_boot(fault, self._cloud.seen.instances[target].slot)
        return ""

    def _forge(self, fault: Fault, target: str) -> str:
        self._cloud.function.forge_delete()
        return "the function"


BEGIN: Mapping[Kind, Callable[[Faults, Fault, str], str]] = {
    Kind.TERMINATE: Faults._terminate,
    Kind.LOSE: Faults._lose,
    Kind.PERSON_TERMINATES: Faults._lose,
    Kind.STANDBY: Faults._stand_by,
    Kind.DETACH: Faults._stand_by,
    Kind.DESIRED_ZERO: Faults._size,
    Kind.DESIRED_TWO: Faults._size,
    Kind.ETCD_KILL: Faults._etcd,
    Kind.ETCD_FREEZE: Faults._etcd,
    Kind.ETCD_SLOW: Faults._etcd,
    Kind.AGENT_KILL: Faults._trap_agent,
    Kind.AGENT_FREEZE: Faults._trap_agent,
    Kind.PARTITION: Faults._partition,
    Kind.NO_API: Faults._api,
    Kind.NO_AWS: Faults._without_aws,
    Kind.FUNCTION_AWAY: Faults._function,
    Kind.FUNCTION_THROTTLED: Faults._function,
    Kind.FUNCTION_LATE: Faults._function,
    Kind.FUNCTION_TWICE: Faults._function,
    Kind.FUNCTION_KILL: Faults._kill_function,
    Kind.AWS_ERRORS: Faults._disturb,
    Kind.UPDATE: Faults._update,
    Kind.UPDATE_BAD: Faults._update,
    Kind.UPDATE_CANCELLED: Faults._update,
    Kind.JOINER_PAUSE: Faults._pause_joiner,
    Kind.BOOT_FAILS: Faults._fail_boot,
    Kind.FORGED_DELETE: Faults._forge,
}
"""All that this world can play."""
NOT_PLAYED: Mapping[Kind, str] = {
    Kind.TABLE_ERRORS: "the local AWS disturbs all services alike: aws-errors",
    Kind.UPDATE_REMOVE_FIRST: "it takes another template, which the storm's updates keep as it is",
}
"""The kinds that are left out of this world's schedules, with the reason."""
