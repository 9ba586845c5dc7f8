"""A running cloud as seen from other processes: the verbs of a test, and the report, over the local AWS's own port.

Nodes cannot reach these paths: the local AWS answers requests from inside a VPC only when they are signed.
"""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from werkzeug.wrappers import Request, Response

from rehearsal.aws.iam.enforcement import REPORT_PATH

PREFIX = "/_site/"


class Unknown(Exception):
    """A verb or an instance that the cloud does not have."""


class Controlled(Protocol):
    """What a cloud offers to those outside."""

    def act(self, verb: str, target: str) -> None:
        """Do one of the test verbs to an instance or a zone. Raises Unknown."""

    def execute(
        self, instance_id: str, command: Sequence[str], timeout_seconds: float
    ) -> subprocess.CompletedProcess[str]:
        """Run a program inside an instance. Raises Unknown, and subprocess.TimeoutExpired."""

    def shell(self, instance_id: str) -> Sequence[str]:
        """The command that opens a shell inside an instance. Raises Unknown."""

    def disturb(self, share: float, seed: int) -> None:
        """Disturb a share of what nodes and functions ask of AWS. Raises Unknown."""

    def register_image(self, program: Path | None, settings: Mapping[str, Any] | None) -> str:
        """One more machine image, and its id. Raises Unknown."""

    def push(self, archive: Path, repository: str, tag: str) -> str:
        """Put an image into a repository of ECR, and return the name by which it is pulled. Raises Unknown."""

    def instances(self) -> Sequence[str]:
        """The ids of the instances that run."""

    def attach(self, interface_id: str) -> str:
        """A network namespace of this computer in which a network interface of EC2's is `eth0`. Raises Unknown."""

    def detach(self, interface_id: str) -> None:
        """Take such an interface out of the network, with the namespace."""

    def report(self) -> Mapping[str, Any]:
        """What was refused so far: packets, services without an endpoint, calls without a permission."""


@dataclass(frozen=True)
class Done:
    """How a program inside an instance ended."""

    returncode: int
    stdout: str
    stderr: str


def route(cloud: Controlled, request: Request) -> Response:
    """Answer one request below PREFIX."""
    name = request.path.removeprefix(PREFIX)
    asked = json.loads(request.get_data() or b"{}")
    try:
        if name == "report":
            answer: Any = cloud.report()
        elif name == "instances":
            answer = list(cloud.instances())
        elif name == "shell":
            answer = list(cloud.shell(asked["target"]))
        elif name == "attach":
            answer = {"namespace": cloud.attach(asked["target"])}
        elif name == "disturb":
            cloud.disturb(asked["share"], asked["seed"])
            answer = {}
        elif name == "register-image":
            program = asked["program"]
            answer = {"image": cloud.register_image(program and Path(program), asked["settings"])}
        elif name == "push":
            answer = {"image": cloud.push(Path(asked["archive"]), asked["repository"], asked["tag"])}
        elif name == "detach":
            cloud.detach(asked["target"])
            answer = {}
        elif name == "execute":
            done = cloud.execute(asked["instance"], asked["command"], asked["timeout_seconds"])
            answer = asdict(Done(done.returncode, done.stdout, done.stderr))
        else:
            cloud.act(name, asked["target"])
            answer = {}
    except Unknown as error:
        return _json({"error": str(error)}, 404)
    except subprocess.TimeoutExpired as error:
        return _json({"error": f"not ended after {error.timeout} s"}, 504)
    return _json(answer, 200)


def _json(answer: Any, status: int) -> Response:
    return Response(json.dumps(answer), status=status, content_type="application/json")


class Refused(Exception):
    """The cloud refused; the text is its reason."""


class Control:
    """The client's side; one for each cloud."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

    def act(self, verb: str, target: str) -> None:
        """Do a test verb to an instance or a zone. Raises Refused."""
        self._post(verb, {"target": target})

    def execute(self, instance_id: str, command: Sequence[str], timeout_seconds: float = 60.0) -> Done:
        """Run a program inside an instance and wait for its end. Raises Refused."""
        asked = {"instance": instance_id, "command": list(command), "timeout_seconds": timeout_seconds}
        return Done(**self._post("execute", asked, timeout_seconds + 10))

    def has(self, instance_id: str) -> bool:
        """Whether an instance runs here. Raises Refused."""
        return instance_id in self._post("instances", {})

    def disturb(self, share: float, seed: int) -> None:
        """Disturb this share of what nodes and functions ask of AWS from now on. Raises Refused."""
        self._post("disturb", {"share": share, "seed": seed})

    def register_image(self, program: Path | None = None, settings: Mapping[str, Any] | None = None) -> str:
        """The id of one more machine image, of the checkout as it is now. Raises Refused.

        `program` stands in the place of the file that starts the node program; `settings` go into image.json.
        """
        asked = {"program": program and str(program.resolve()), "settings": settings}
        image: str = self._post("register-image", asked)["image"]
        return image

    def push(self, archive: Path, repository: str, tag: str) -> str:
        """Put an image from an archive in the OCI image layout into a repository of ECR, as `docker push` does; the
        name by which it is pulled. Raises Refused.
        """
        asked = {"archive": str(archive.resolve()), "repository": repository, "tag": tag}
        image: str = self._post("push", asked)["image"]
        return image

    def shell(self, instance_id: str) -> list[str]:
        """The command that opens a shell inside an instance. Raises Refused."""
        command: list[str] = self._post("shell", {"target": instance_id})
        return command

    def attach(self, interface_id: str) -> str:
        """A network namespace in which an interface is `eth0`, for programs of no instance. Raises Refused."""
        namespace: str = self._post("attach", {"target": interface_id})["namespace"]
        return namespace

    def detach(self, interface_id: str) -> None:
        """Take such an interface out of the network, with the namespace. Raises Refused."""
        self._post("detach", {"target": interface_id})

    def report(self) -> dict[str, Any]:
        """What was refused so far."""
        report: dict[str, Any] = self._post("report", {})
        return report

    def permissions(self) -> dict[str, Any]:
        """What roles were denied, used, and were granted without using it (rehearsal.aws.iam.report)."""
        with urllib.request.urlopen(f"{self._endpoint}{REPORT_PATH}", timeout=60) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def _post(self, name: str, body: Mapping[str, Any], timeout_seconds: float = 60.0) -> Any:
        request = urllib.request.Request(
            self._endpoint + PREFIX + name, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout_seconds) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise Refused(json.loads(error.read())["error"]) from error
