"""How each fault begins and ends in the light world."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tests.storm import by_hand
from tests.storm.faults import JOINER, Fault, Kind
from tests.storm.lasting import Lasting
from tests.storm.light import clock, pace, traps
from tests.storm.light.shared import BAD_TYPE
from tests.storm.light.targets import Targets
from tests.storm.trace import FaultHit, Life, LostLease, Paused

if TYPE_CHECKING:
    from tests.storm.light.world import LightWorld

_LEASE_SECONDS = pace.PACE["leases"]["lease"] / clock.SPEED
_JOINER_STEPS = (
    "gate",
    "joining-row",
    "check-gate",
    "kubeadm-join",
    traps.ADDED,
    traps.STARTED,
    "voter-row",
    "launch-hook",
)
_IN_KUBEADM = frozenset({"kubeadm-join", traps.ADDED, traps.STARTED})


class Faults:
    """The faults of one world."""

    def __init__(self, world: LightWorld) -> None:
        self._world = world
        self._targets = Targets(world)
        self._lock = threading.RLock()
        self._lasting = Lasting()
        self._strangers: set[str] = set()
        self._stages: dict[str, str] = {}
        self._updating_badly = False

    def strangers(self) -> list[str]:
        """The instances that a person has put into standby, or detached."""
        return [each for each in self._strangers if not self._world.hypervisor.computers[each].gone]

    def ended(self, instance: str) -> None:
        """The person has terminated it."""
        self._strangers.discard(instance)

    def forget(self) -> None:
        """Another cluster comes."""
        self._strangers.clear()
        self._stages.clear()

    def inject(self, fault: Fault) -> str:
        """Let a fault begin; whom it hit."""
        with self._lock:
            target = self._targets.named(fault.target) if fault.target else ""
            if fault.target and not target:
                return ""
            try:
                return _BEGIN[fault.kind](self, fault, target)
            except ClientError as error:
                if error.response["Error"]["Code"] in by_hand.REFUSALS:
                    return ""
                raise

    def end(self) -> None:
        """End every fault that lasts, and take away what waits."""
        self._world.places.clear_traps()
        self._lasting.end()
        with self._lock:
            bad, self._updating_badly = self._updating_badly, False
        if bad:
            self._cancel_update()

    def told(self, event: Mapping[str, Any]) -> None:
        """What a program tells: which stage it is in, and that it has walked into a trap."""
        if event["kind"] == "fails":
            self._world.monitor.note(FaultHit(float(event["at"]), event["fault"], event["instance"]))
        elif event["kind"] == "stage":
            self._stages[event["instance"]] = event["stage"]
        elif event["kind"] == "trapped":
            self._world.monitor.note(FaultHit(float(event["at"]), event["fault"], event["instance"]))
            if event["what"] == traps.FREEZE:
                self._paused(event["instance"], event["role"], event["step"], int(event["pid"]), event["seconds"])

    # how

    def _terminate(self, fault: Fault, target: str) -> str:
        by_hand.terminate(self._world.cluster.client("autoscaling"), target)
        return target

    def _lose(self, fault: Fault, target: str) -> str:
        if not self._targets.may_be_lost(target):
            return ""
        if fault.kind is Kind.LOSE:
            self._world.hypervisor.destroy(target)
        self._world.cluster.terminate_in_ec2(target)
        self._world.hypervisor.destroy(target)
        return target

    def _stand_by(self, fault: Fault, target: str) -> str:
        group = self._targets.group_of(target)
        if not group:
            return ""
        by_hand.stand_by(self._world.cluster.client("autoscaling"), fault.kind, group, target)
        self._strangers.add(target)
        return target

    def _size(self, fault: Fault, target: str) -> str:
        group = self._targets.group_of(target)
        if not group:
            return ""
        by_hand.size(self._world.cluster.client("autoscaling"), fault.kind, group)
        return group

    def _kill_etcd(self, fault: Fault, target: str) -> str:
        return target if self._world.hypervisor.kill_etcd(target) else ""

    def _freeze_etcd(self, fault: Fault, target: str) -> str:
        if not self._world.hypervisor.stop_etcd(target, True):
            return ""
        self._lasting.begun(fault.seconds, lambda: self._world.hypervisor.stop_etcd(target, False))
        return target

    def _slow_etcd(self, fault: Fault, target: str) -> str:
        if not self._world.hypervisor.slow_etcd(target, True):
            return ""
        self._lasting.begun(fault.seconds, lambda: self._world.hypervisor.slow_etcd(target, False))
        return target

    def _trap_agent(self, fault: Fault, target: str) -> str:
        assert fault.step is not None
        what = traps.KILL if fault.kind is Kind.AGENT_KILL else traps.FREEZE
        content = {"what": what, "seconds": fault.seconds, "role": "agent", "fault": str(fault)}
        self._world.places.trap(traps.agent_trap(fault.step), content)
        return ""

    def _partition(self, fault: Fault, target: str) -> str:
        def healed() -> None:
            if not self._world.hypervisor.computers[target].gone:
                self._world.monitor.lives(target, Life.UNSURE)

        address = self._world.hypervisor.computers[target].address
        self._name_in_state("cut", address, fault.seconds, healed)
        self._world.monitor.lives(target, Life.SILENT)
        return target

    def _without_aws(self, fault: Fault, target: str) -> str:
        self._name_in_state("without_aws", target, fault.seconds)
        return target

    def _without_api(self, fault: Fault, target: str) -> str:
        self._name_in_state("without_api", self._world.hypervisor.computers[target].address, fault.seconds)
        return target

    def _name_in_state(
        self, field: str, name: str, seconds: float, afterwards: Callable[[], object] = lambda: None
    ) -> None:
        """For so long, have a list of the state name somebody."""
        watcher = self._world.watcher
        watcher.add_to_state(field, name)

        def take_back() -> None:
            watcher.take_from_state(field, name)
            afterwards()

        self._lasting.begun(seconds, take_back)

    def _function(self, fault: Fault, target: str) -> str:
        name = {
            Kind.FUNCTION_AWAY: "away",
            Kind.FUNCTION_THROTTLED: "throttled",
            Kind.FUNCTION_LATE: "late",
            Kind.FUNCTION_TWICE: "twice",
        }[fault.kind]
        setattr(self._world.caller, name, True)
        self._lasting.begun(fault.seconds, lambda: setattr(self._world.caller, name, False))
        return "the function"

    def _kill_function(self, fault: Fault, target: str) -> str:
        """At one of its next requests to AWS, which the fault's time stands for."""
        self._world.places.trap(traps.FUNCTION, {"requests": int(fault.at * 100) % traps.MOST_REQUESTS})
        return "the function"

    def _disturb(self, fault: Fault, target: str) -> str:
        services = ("dynamodb",) if fault.kind is Kind.TABLE_ERRORS else ()
        seed = int(fault.at * 1000)
        self._world.watcher.change_state(share=by_hand.DISTURBED, services=services, seed=seed)
        self._lasting.begun(fault.seconds, lambda: self._world.watcher.change_state(share=0.0, services=()))
        return "AWS"

    def _update(self, fault: Fault, target: str) -> str:
        if self._world.cluster.status().endswith("_IN_PROGRESS"):
            return ""
        bad = fault.kind is Kind.UPDATE_BAD
        self._world.cluster.start_update(
            remove_first=fault.kind is Kind.UPDATE_REMOVE_FIRST, instance_type=BAD_TYPE if bad else ""
        )
        self._updating_badly = bad
        if fault.kind is Kind.UPDATE_CANCELLED:
            self._lasting.begun(fault.seconds, self._cancel_update)
        return "the stack"

    def _cancel_update(self) -> None:
        with suppress(ClientError):
            self._world.cluster.cancel_update()

    def _pause_joiner(self, fault: Fault, target: str) -> str:
        """Now, where one boots; otherwise the next one, at a stage that the fault's time stands for."""
        step = _JOINER_STEPS[int(fault.at * 100) % len(_JOINER_STEPS)]
        if target == JOINER:
            content = {"what": traps.FREEZE, "seconds": fault.seconds, "role": JOINER, "fault": str(fault)}
            self._world.places.trap(traps.boot_trap(step), content)
            return ""
        self._world.hypervisor.stop_boot(target, True)
        pid = self._world.hypervisor.computers[target].boot
        self._paused(target, JOINER, self._stages.get(target, ""), pid, fault.seconds)
        return target

    def _fail_boot(self, fault: Fault, target: str) -> str:
        slot = self._world.hypervisor.computers[target].slot
        self._world.places.trap(traps.failing_boot(slot), {"fault": str(fault)})
        return ""

    def _forge(self, fault: Fault, target: str) -> str:
        if self._world.cluster.status().startswith("DELETE"):
            return ""
        self._world.caller.forge_delete()
        return "the function"

    def _paused(self, instance: str, role: str, step: str, pid: int, seconds: float) -> None:
        at = clock.real()
        self._world.monitor.note(Paused(at, instance, at + seconds, role, step))
        if role == JOINER and step in _IN_KUBEADM and seconds > _LEASE_SECONDS:
            self._world.monitor.note(LostLease(at + _LEASE_SECONDS, instance))

        def go_on() -> None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGCONT)

        # The fault's own seconds begin here.
        self._lasting.begun(seconds, go_on)


_BEGIN: Mapping[Kind, Callable[[Faults, Fault, str], str]] = {
    Kind.TERMINATE: Faults._terminate,
    Kind.LOSE: Faults._lose,
    Kind.PERSON_TERMINATES: Faults._lose,
    Kind.STANDBY: Faults._stand_by,
    Kind.DETACH: Faults._stand_by,
    Kind.DESIRED_ZERO: Faults._size,
    Kind.DESIRED_TWO: Faults._size,
    Kind.ETCD_KILL: Faults._kill_etcd,
    Kind.ETCD_FREEZE: Faults._freeze_etcd,
    Kind.ETCD_SLOW: Faults._slow_etcd,
    Kind.AGENT_KILL: Faults._trap_agent,
    Kind.AGENT_FREEZE: Faults._trap_agent,
    Kind.PARTITION: Faults._partition,
    Kind.NO_API: Faults._without_api,
    Kind.NO_AWS: Faults._without_aws,
    Kind.FUNCTION_AWAY: Faults._function,
    Kind.FUNCTION_THROTTLED: Faults._function,
    Kind.FUNCTION_LATE: Faults._function,
    Kind.FUNCTION_TWICE: Faults._function,
    Kind.FUNCTION_KILL: Faults._kill_function,
    Kind.TABLE_ERRORS: Faults._disturb,
    Kind.AWS_ERRORS: Faults._disturb,
    Kind.UPDATE: Faults._update,
    Kind.UPDATE_REMOVE_FIRST: Faults._update,
    Kind.UPDATE_BAD: Faults._update,
    Kind.UPDATE_CANCELLED: Faults._update,
    Kind.JOINER_PAUSE: Faults._pause_joiner,
    Kind.BOOT_FAILS: Faults._fail_boot,
    Kind.FORGED_DELETE: Faults._forge,
}
