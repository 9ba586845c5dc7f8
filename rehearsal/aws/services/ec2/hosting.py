"""EC2 with machines behind it: instances are pending until their host runs them, and gone when it says so.

Without a host an instance stays an entry in a table, which runs as soon as it is asked for. With one, requests only say
what is wanted: the host works on it in its own time, and tells through `States` what came of it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from rehearsal.aws.server import LocalAws
from rehearsal.aws.services.ec2.hosted import Hosting
from rehearsal.aws.services.patching import around
from rehearsal.machines.model import Host, States

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
