"""`make kubeconfig`: asks the cluster for a certificate in the caller's name, and writes the file that kubectl reads.

The key is made here. What goes to the cluster, and comes back, are rows of a table (coordination/access.py), so the
caller needs AWS's API alone: neither a node nor the Kubernetes API has to be reachable from here.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from coordination import access
from coordination.access import AccessGranted, AccessRefused, AccessRequest, Requester
from coordination.adapters.table import ClusterTable
from coordination.fields import Malformed
from coordination.names import AccessGroup
from coordination.outcomes import Done, NoTable, Unknown
from coordination.writes import ABSENT
from deployment import clusters, next_steps, people, stacks
from deployment.aws import Aws
from deployment.client_key import ClientKey
from deployment.next_steps import Typed
from deployment.refusal import Refusal

ANSWER_SECONDS = 90
"""For so long an answer is waited for: a leading agent looks each ten seconds, and a lost one is followed sooner."""
_LOOK_SECONDS = 1.0
_HOUR_SECONDS = 3600
_LISTS = {
    AccessGroup.VIEW: "ViewerArns",
    AccessGroup.EDIT: "EditorArns",
    AccessGroup.ADMIN: "AdministratorArns",
}
"""The root's parameters that say who may have a group."""
_SESSION = re.compile(r"arn:[a-z-]+:sts::(\d{12}):assumed-role/([^/]+)/.+")
_SERVER = re.compile(r"https://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:\d{1,5})?")


@dataclass(frozen=True)
class Wanted:
    """What was typed. `server` is where the API is reached from here; empty for its own name."""

    stack: str
    group: AccessGroup
    seconds: int
    file: Path
    server: str = ""


@dataclass(frozen=True)
class _Cluster:
    name: str
    uuid: str
    server: str
    table: str
    lists: Mapping[AccessGroup, tuple[str, ...]]
    typed: Typed


def wanted(stack: str, group: str, hours: str, file: Path | None, server: str) -> Wanted:
    """What was typed, checked. Raises Refusal."""
    if group not in set(AccessGroup):
        raise Refusal(f"GROUP is {group!r}, allowed: {', '.join(AccessGroup)}")
    longest = access.LONGEST_SECONDS // _HOUR_SECONDS
    if not (hours.isdecimal() and 1 <= int(hours) <= longest):
        raise Refusal(f"HOURS is {hours!r}, allowed: 1 to {longest}")
    if server and not _SERVER.fullmatch(server):
        raise Refusal(f"SERVER is {server!r}, allowed: https://<name or address>:<port>")
    chosen = file or Path("build") / f"{stack}.kubeconfig"
    _refuse_foreign(chosen)
    return Wanted(stack, AccessGroup(group), int(hours) * _HOUR_SECONDS, chosen, server)


def _refuse_foreign(file: Path) -> None:
    """Raises Refusal where the file would take the place of one that was not made here."""
    if not file.exists():
        return
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        ours = [each["name"].startswith("arn:") for each in found["users"]] == [True] and len(found["clusters"]) == 1
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        ours = False
    if not ours:
        raise Refusal(f"{file} is there, and was not written by this command: name another file by FILE=")


def run(
    aws: Aws,
    given: Wanted,
    say: Callable[[str], None] = print,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Ask, wait, and write the file. Raises Refusal."""
    cluster = _find(aws, given.stack)
    requester = _requester(aws, cluster, given.group)
    try:
        name = requester.name
    except Malformed as error:
        raise Refusal(str(error)) from error
    key = ClientKey.made(name, given.group.kubernetes_group)
    request = AccessRequest(
        requester, given.group, secrets.token_hex(8), key.request_pem, given.seconds, requested_at=int(now())
    )
    table = ClusterTable(aws.client("dynamodb"), cluster.table)
    _ask(table, request, given.group)
    say(f"{name} asks the cluster {given.stack} for a certificate of {given.group.kubernetes_group}")
    answer = _answer(table, request.item_id, now, sleep, cluster.typed.make("status"))
    if isinstance(answer, AccessRefused):
        raise Refusal(f"the cluster refuses: {answer.refusal}: {answer.reason}")
    ends_at = key.ends_at(answer.certificate, answer.authority)
    _write(given.file, _document(cluster, given, key, answer))
    _tell(given.file, ends_at, say)


def _find(aws: Aws, name: str) -> _Cluster:
    stack = stacks.find(aws.client("cloudformation"), name)
    if stack is None:
        raise Refusal(f"there is no stack {name}")
    clusters.refuse_nested(stack, "kubeconfig")
    clusters.refuse_outputs_of_others(stack)
    outputs = dict(stack.outputs)
    missing = [each for each in ("ApiEndpoint", "AccessTableName") if each not in outputs]
    if missing:
        raise Refusal(f"{name} is {stack.status} and has no output {missing[0]}: it is no cluster, or not made yet")
    lists = {
        group: tuple(arn for arn in stack.parameters.get(parameter, "").split(",") if arn)
        for group, parameter in _LISTS.items()
    }
    typed = next_steps.of(stack)
    return _Cluster(stack.name, stack.uuid, outputs["ApiEndpoint"], outputs["AccessTableName"], lists, typed)


def _requester(aws: Aws, cluster: _Cluster, group: AccessGroup) -> Requester:
    """Who asks. STS leaves a role's path out of the session's ARN, so the role is found among those that are listed."""
    identity = aws.client("sts").get_caller_identity()
    own = str(identity["Arn"])
    session = _SESSION.fullmatch(own)
    found = [arn for listed in cluster.lists.values() for arn in listed if _is(arn, own, session)]
    if not found:
        raise Refusal(
            f"{own} is in none of {', '.join(_LISTS.values())} of the stack {cluster.name}: "
            f"an administrator of the account adds {'its role' if session else 'it'} to {_LISTS[group]}, and deploys"
            f"{_addition(cluster, group, own, session)}"
        )
    return Requester(str(identity["UserId"]), found[0])


def _addition(cluster: _Cluster, group: AccessGroup, own: str, session: re.Match[str] | None) -> str:
    """The whole command that keeps whoever is listed and adds the caller; empty for who cannot be listed."""
    path = ""
    if session is not None:
        account, role = session.groups()
        own = f"arn:{own.split(':')[1]}:iam::{account}:role/{role}"
        path = " (a session does not tell its role's path: where there is one, it stands after role/)"
    elif ":user/" not in own:
        return ""
    value = people.with_one_more(cluster.lists[group], own)
    typed = replace(cluster.typed, settings=(f"{_LISTS[group]}={value}",))
    return f"{path}: {typed.make('deploy', SECURITY='1')}"


def _is(arn: str, own: str, session: re.Match[str] | None) -> bool:
    if session is None:
        return arn == own
    account, role = session.groups()
    return arn.split(":")[4] == account and ":role/" in arn and arn.rpartition("/")[2] == role


def _ask(table: ClusterTable, request: AccessRequest, group: AccessGroup) -> None:
    written = table.put(request.item(), ABSENT)
    if isinstance(written, Done):
        return
    if isinstance(written, NoTable):
        raise Refusal("the table in which people ask does not exist")
    if isinstance(written, Unknown):
        policy = f"{group.value.capitalize()}OperatorPolicyArn"
        raise Refusal(f"the request cannot be written ({written.reason}): the stack's output {policy} allows it")
    raise Refusal("a request of this number is there already: ask again")


def _answer(
    table: ClusterTable, item_id: str, now: Callable[[], float], sleep: Callable[[float], None], look: str
) -> AccessGranted | AccessRefused:
    deadline = now() + ANSWER_SECONDS
    why = "no agent has answered"
    while now() < deadline:
        sleep(_LOOK_SECONDS)
        read = table.get(item_id)
        if isinstance(read, Unknown):
            why = read.reason
            continue
        if read.value is None:
            raise Refusal("the request was deleted without an answer: too many of your requests wait")
        try:
            if (answer := access.answer(read.value)) is not None:
                return answer
        except Malformed as error:
            raise Refusal(f"the cluster's answer cannot be understood: {error}") from error
    raise Refusal(f"no answer within {ANSWER_SECONDS} s ({why}); to see what the cluster does: {look}")


def _document(cluster: _Cluster, given: Wanted, key: ClientKey, answer: AccessGranted) -> str:
    """The kubeconfig, as JSON: kubectl reads both, and JSON has one way to write a text."""
    where: dict[str, Any] = {
        "server": given.server or cluster.server,
        "certificate-authority-data": _encoded(answer.authority),
    }
    if given.server:
        where["tls-server-name"] = cluster.server.removeprefix("https://").partition(":")[0]
    user = {"client-certificate-data": _encoded(answer.certificate), "client-key-data": _encoded(key.key_pem)}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster.uuid, "cluster": where}],
        "users": [{"name": key.name, "user": user}],
        "contexts": [{"name": cluster.name, "context": {"cluster": cluster.uuid, "user": key.name}}],
        "current-context": cluster.name,
    }
    return json.dumps(document, indent=1) + "\n"


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


def _write(file: Path, text: str) -> None:
    """For the caller alone, and whole or not at all. Raises Refusal."""
    beside = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
            opened.write(text)
        beside.replace(file)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise Refusal(f"{file}: {error.strerror}") from error


def _tell(file: Path, ends_at: datetime, say: Callable[[str], None]) -> None:
    say(f"{file} is good until {ends_at:%Y-%m-%d %H:%M} UTC; nobody can renew or revoke it before")
    say(f"  export KUBECONFIG={shlex.quote(str(file.resolve()))}")
    say("  kubectl get nodes")
