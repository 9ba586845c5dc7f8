"""A host that runs nothing: it writes down what EC2 asks of it, and tells what a test wants told."""

from __future__ import annotations

from rehearsal.machines.model import Machine, States


class PaperHost:
    """Stands in for the hypervisor, which needs root; tests/machines have that."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.machines: dict[str, Machine] = {}
        self.consoles: dict[str, bytes] = {}
        self.silent: set[str] = set()
        self.fails = False
        """Whether every machine dies before it runs."""
        self.prompt = False
        """Whether everything is told as soon as it is asked for."""
        self.states: States

    def tell(self, states: States) -> None:
        self.states = states

    def start(self, machine: Machine) -> None:
        self.machines[machine.instance_id] = machine
        self._note("start", machine.instance_id)
        if self.fails:
            self.states.changed(machine.instance_id, "terminated")
        elif self.prompt:
            self.states.changed(machine.instance_id, "running")

    def terminate(self, instance_id: str) -> None:
        self._note("terminate", instance_id)
        if self.prompt:
            self.states.changed(instance_id, "terminated")

    def stop(self, instance_id: str, *, force: bool) -> None:
        self._note("stop by force" if force else "stop", instance_id)

    def reboot(self, instance_id: str) -> None:
        self._note("reboot", instance_id)

    def console_output(self, instance_id: str) -> bytes:
        return self.consoles.get(instance_id, b"")

    def reachable(self, instance_id: str) -> bool:
        return instance_id not in self.silent

    def _note(self, verb: str, instance_id: str) -> None:
        self.asked.append((verb, instance_id))
