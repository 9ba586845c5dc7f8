"""The instances that a host runs: what is asked of the host, and what EC2 shows of what the host tells."""

from __future__ import annotations

import copy
from typing import Any

from rehearsal.aws.server import LocalAws
from rehearsal.machines import inventory
from rehearsal.machines.model import Host

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
"""The states of an instance (EC2 API, InstanceState)."""
USER = ("Client.UserInitiatedShutdown", "User initiated shutdown")
ITSELF = ("Client.InstanceInitiatedShutdown", "Instance initiated shutdown")
NOT_LAUNCHED = ("Server.InternalError", "Internal error on launch")
HOST_LOST = ("Server.InternalError", "The instance was lost with its host")
"""Why an instance is where it is (EC2 API, StateReason); EC2 documents no text for the last."""


class Hosting:
    """The instances of one local EC2 that a host runs. Whoever calls, but for `changed`, holds the local AWS's lock."""

    def __init__(self, aws: LocalAws, host: Host) -> None:
        self._aws = aws
        self._host = host
        self._hosted: dict[str, Any] = {}

    def runs(self, instance: Any) -> bool:
        """Whether the host runs this instance of moto's."""
        return instance.id in self._hosted

    def changed(self, instance_id: str, state: str) -> None:
        """Show what became of an instance; what does not fit to what is known of it is old news."""
        with self._aws.lock:
            instance = self._hosted[instance_id]
            before = instance.state
            if before == "terminated":
                return
            if state == "running":
                if before == "pending":
                    _show(instance, "running")
            elif state == "stopped":
                self._stopped(instance, before)
            else:
                self._terminated(instance, before)

    def launch(self, instance: Any) -> None:
        """Have a new instance booted."""
        self._hosted[instance.id] = instance
        _show(instance, "pending")
        self._host.start(inventory.machine(self._aws, instance.id))

    def start(self, instance: Any) -> Any:
        """Have a stopped instance booted; returns the state that it was in."""
        before = copy.copy(instance._state)
        if before.name == "stopped":
            instance.start()
            _show(instance, "pending")
            self._host.start(inventory.machine(self._aws, instance.id))
        elif before.name not in ("pending", "running"):
            raise _wrong_state(instance, "started")
        return before

    def stop(self, instance: Any, force: bool) -> Any:
        """Have an instance stopped; returns the state that it was in."""
        before = copy.copy(instance._state)
        if before.name == "running" or (force and before.name == "stopping"):
            _show(instance, "stopping", USER)
            self._host.stop(instance.id, force=force)
        elif before.name not in ("stopping", "stopped"):
            raise _wrong_state(instance, "stopped")
        return before

    def terminate(self, instance: Any) -> Any:
        """Have an instance terminated; returns the state that it was in."""
        before = copy.copy(instance._state)
        if before.name not in ("shutting-down", "terminated"):
            _show(instance, "shutting-down", USER)
            self._host.terminate(instance.id)
        return before

    def reboot(self, instance: Any) -> None:
        """Have an instance rebooted; nothing of it shows."""
        if instance.state != "running":
            raise _wrong_state(instance, "rebooted")
        self._host.reboot(instance.id)

    def console_output(self, instance: Any) -> bytes:
        """What the instance wrote to its console."""
        return self._host.console_output(instance.id)

    def reachable(self, instance: Any) -> bool:
        """Whether the instance's status check passes."""
        return self._host.reachable(instance.id)

    def _stopped(self, instance: Any, before: str) -> None:
        if before == "shutting-down":
            return
        reason = USER if before == "stopping" else ITSELF
        if reason is ITSELF and instance.instance_initiated_shutdown_behavior == "terminate":
            _show(instance, "shutting-down", ITSELF)
            self._host.terminate(instance.id)
            return
        instance.stop()
        _show(instance, "stopped", reason)

    def _terminated(self, instance: Any, before: str) -> None:
        reason = {"pending": NOT_LAUNCHED, "running": HOST_LOST, "stopping": HOST_LOST}.get(before)
        kept = reason or (instance.state_reason.code, instance.state_reason.message.partition(": ")[2])
        # Gives back addresses and volumes.
        instance.terminate()
        _show(instance, "terminated", kept)


def _show(instance: Any, state: str, reason: tuple[str, str] | None = None) -> None:
    from moto.core.utils import utcnow
    from moto.ec2.models.instances import InstanceState, StateReason

    # A new object: answers that were given before hold the old one.
    instance._state = InstanceState(state, CODES[state])
    code, message = reason or ("", "")
    instance.state_reason = StateReason(f"{code}: {message}" if code else "", code)
    instance._reason = f"User initiated ({utcnow():%Y-%m-%d %H:%M:%S} GMT)" if reason == USER else message


def _wrong_state(instance: Any, verb: str) -> Exception:
    from moto.ec2.exceptions import EC2ClientError

    message = f"The instance '{instance.id}' is not in a state from which it can be {verb}."
    error: Exception = EC2ClientError("IncorrectInstanceState", message)
    return error
