"""Why roles are granted what a rehearsal without faults never uses. A grant without a reason here fails it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_OWN_IMAGES = "images of what runs in the cluster; the system's own are in the machine image"
_AUTOSCALER = "the cluster-autoscaler, which needs the network that no rehearsal has"
_BACKUPS = "backups, which are not taken yet"
_ON_BEHALF = "the list of DynamoDB, SSM, S3 and SQS for a customer's key; the local AWS asks for less"
_UPDATES = "for what updates leave behind, and no rehearsal updates"
_LOOKING = "a look at the cluster from outside, which is for people"
_SESSIONS = "shells by Session Manager, whose agent and service no rehearsal has"
_OF_SESSIONS = dict.fromkeys(("DecryptSessions", "LogSessions", "ServeSessions"), _SESSIONS)
_FAULTS = "what no instance of a rehearsal without faults needs"

REASONS: Mapping[str, Mapping[str, str]] = {
    "ControlPlaneRole": {
        "AnswerPeople": "deleting: answers of which ten minutes are over",
        "AnswerLaunchHook": "heartbeats: for a boot that takes longer than five minutes",
        "ListBackups": _BACKUPS,
        "PullImages": _OWN_IMAGES,
        "RegistryLogin": _OWN_IMAGES,
        "UseKey": _ON_BEHALF,
        "WriteBackups": _BACKUPS,
        "WriteRows": "deleting: conditions that are over, and rows of instances that are long gone",
        **_OF_SESSIONS,
    },
    "WorkerRole": {
        "PullImages": _OWN_IMAGES,
        "ReadThroughKey": _ON_BEHALF,
        "RegistryLogin": _OWN_IMAGES,
        "WriteThroughKey": _ON_BEHALF,
        **_OF_SESSIONS,
    },
    "AutoscalerRole": {
        "ScaleWorkers": _AUTOSCALER,
        "SeePools": _AUTOSCALER,
    },
    "EbsCsiRole": dict.fromkeys(
        (
            *("AttachToWorkers", "ChangeVolumes", "CreateVolumes", "EncryptVolumes"),
            *("LetInstancesDecrypt", "SeeVolumes", "TagNewVolumes"),
        ),
        "the EBS CSI driver, which needs the network that no rehearsal has",
    ),
    "rehearsal-operator": {
        "Approve": "nothing waits for a person in a rehearsal without faults",
        "SeeGroups": _LOOKING,
        "SeeRows": _LOOKING,
        "SeeStacks": _LOOKING,
        "UseKey": _ON_BEHALF,
    },
    "FunctionRole": {
        "AnswerHooks": _FAULTS,
        "Coordinate": "protecting the table: in the minute after the deploy, for which a rehearsal does not wait",
        "EndInstances": _FAULTS,
        "KeepServing": _FAULTS,
        "ResumeProcesses": _UPDATES,
        "SeeInstances": "scaling activities: for a slot in which nothing boots or serves",
        "SeeSlots": _UPDATES,
        "ReportFailure": _FAULTS,
        "UseKey": _ON_BEHALF,
    },
}
"""By the part of the role's name that its template gives it, or a user's name, and the statement's id."""


def without_reason(unused: Iterable[Mapping[str, Any]]) -> list[str]:
    """Of the report's unused grants those that nobody has given a reason for, a line each."""
    return sorted({_line(grant) for grant in unused if not _reason(grant)})


def explained(unused: Iterable[Mapping[str, Any]]) -> list[str]:
    """The others, a line for each statement."""
    found: dict[tuple[str, str, str], set[str]] = {}
    for grant in unused:
        if reason := _reason(grant):
            found.setdefault((_role(grant), grant["sid"], reason), set()).add(grant["action"])
    return [f"{role}, {sid}: {reason} ({', '.join(sorted(actions))})" for (role, sid, reason), actions in found.items()]


def _reason(grant: Mapping[str, Any]) -> str:
    return REASONS.get(_role(grant), {}).get(grant["sid"], "")


def _role(grant: Mapping[str, Any]) -> str:
    return next((role for role in REASONS if role in grant["identity"]), grant["identity"])


def _line(grant: Mapping[str, Any]) -> str:
    return f"{_role(grant)}, {grant['sid'] or grant['policy']}: {grant['action']}"
