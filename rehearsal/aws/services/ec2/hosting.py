"""EC2 with machines behind it: instances are pending until their host runs them, and gone when it says so.

Without a host an instance stays an entry in a table, which runs as soon as it is asked for. With one, requests only say
what is wanted: the host works on it in its own time, and tells through `States` what came of it.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable
from typing import Any

from rehearsal.aws.server import LocalAws
from rehearsal.aws.services.patching import around
from rehearsal.machines import inventory
from rehearsal.machines.model import Host, States

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
"""The states of an instance (EC2 API, InstanceState)."""
USER = ("Client.UserInitiatedShutdown", "User initiated shutdown")
ITSELF = ("Client.InstanceInitiatedShutdown", "Instance initiated shutdown")
NOT_LAUNCHED = ("Server.InternalError", "Internal error on launch")
HOST_LOST = ("Server.InternalError", "The instance was lost with its host")
"""Why an instance is where it is (EC2 API, StateReason); EC2 documents no text for the last."""

_attached: Hosting | None = None
_patched = False


def attach_host(aws: LocalAws, host: Host) -> States:
    """Let a host run the instances that are started from now on, until the local AWS stops.

    The answer is also what `host.tell` was given. RuntimeError when there is a host already.
    """
    global _attached, _patched
    if _attached is not None:
        raise RuntimeError("there is a host already")
    if not _patched:
        _patch()
        _patched = True
    _attached = Hosting(aws, host)
    aws.on_stop(_detach)
    host.tell(_attached)
    return _attached


def _detach() -> None:
    global _attached
    _attached = None


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


def _patch() -> None:
    """Put the host between moto's requests and its instances, for the life of this process."""
    _patch_starts()
    _patch_ends()
    _patch_views()


def _patch_starts() -> None:
    from moto.ec2.models import EC2Backend
    from moto.ec2.responses.instances import InstanceResponse

    @around(InstanceResponse, "run_instances")
    def run_instances(plain: Any, self: Any) -> Any:
        # A repeated client token gives instances that run already.
        known = set(self.ec2_backend.reservations)
        answer = plain(self)
        if _attached is not None and answer.result.id not in known:
            for instance in answer.result.instances:
                _attached.launch(instance)
        return answer

    @around(EC2Backend, "start_instances")
    def start_instances(plain: Any, self: Any, instance_ids: list[str]) -> Any:
        return _each(plain, self, instance_ids, lambda hosting, instance: (instance, hosting.start(instance)))

    @around(EC2Backend, "reboot_instances")
    def reboot_instances(plain: Any, self: Any, instance_ids: list[str]) -> Any:
        return _each(plain, self, instance_ids, lambda hosting, instance: hosting.reboot(instance))


def _patch_ends() -> None:
    from moto.core.responses import ActionResult
    from moto.ec2.exceptions import OperationDisableApiStopNotPermitted, OperationNotPermitted4
    from moto.ec2.models import EC2Backend
    from moto.ec2.responses.instances import InstanceResponse

    @around(InstanceResponse, "stop_instances")
    def stop_instances(plain: Any, self: Any) -> Any:
        if _attached is None:
            return plain(self)
        self.error_on_dryrun()
        instances = self.ec2_backend.get_multi_instances_by_id(self._get_param("InstanceIds", []))
        for instance in instances:
            if instance.disable_api_stop is True:
                raise OperationDisableApiStopNotPermitted(instance.id)
        force = self._get_bool_param("Force", False)
        shown = []
        for instance in instances:
            before = _attached.stop(instance, force) if _attached.runs(instance) else instance.stop()
            shown.append({"InstanceId": instance.id, "CurrentState": instance.instance_state, "PreviousState": before})
        return ActionResult({"StoppingInstances": shown})

    @around(EC2Backend, "terminate_instances")
    def terminate_instances(plain: Any, self: Any, instance_ids: list[str]) -> Any:
        if _attached is not None and instance_ids:
            # One that is protected keeps all of the request.
            for instance in self.get_multi_instances_by_id(instance_ids):
                if instance.disable_api_termination is True:
                    raise OperationNotPermitted4(instance.id)
        return _each(plain, self, instance_ids, lambda hosting, instance: (instance, hosting.terminate(instance)))


def _patch_views() -> None:
    from moto.core.responses import ActionResult
    from moto.core.utils import utcnow
    from moto.ec2.models.instances import Instance
    from moto.ec2.responses.general import General

    @around(General, "get_console_output")
    def get_console_output(plain: Any, self: Any) -> Any:
        instance = self.ec2_backend.get_instance(self._get_param("InstanceId"))
        if _attached is None or not _attached.runs(instance):
            return plain(self)
        output = base64.b64encode(_attached.console_output(instance)).decode()
        return ActionResult({"InstanceId": instance.id, "Timestamp": utcnow(), "Output": output})

    @around(Instance, "instance_status")
    def instance_status(plain: Any, self: Any) -> Any:
        if _attached is None or not _attached.runs(self) or self.state != "running" or _attached.reachable(self):
            return plain(self)
        return {"Details": [{"Name": "reachability", "Status": "failed"}], "Status": "impaired"}


def _each(plain: Any, backend: Any, instance_ids: list[str], act: Callable[[Hosting, Any], Any]) -> list[Any]:
    """Act on the instances that the host runs, and do plainly what is asked of the others; in the order of the ids."""
    if _attached is None or not instance_ids:
        return list(plain(backend, instance_ids))
    answers: list[Any] = []
    for instance in backend.get_multi_instances_by_id(instance_ids):
        if _attached.runs(instance):
            answers.append(act(_attached, instance))
        else:
            answers += plain(backend, [instance.id])
    return answers
