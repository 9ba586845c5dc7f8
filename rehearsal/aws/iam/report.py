"""The report of a run: what was denied, and what was granted and never used."""

from __future__ import annotations

import json
from typing import Any

from rehearsal.aws.iam.record import Record


def as_dict(record: Record) -> dict[str, Any]:
    """The report as JSON has it."""
    return {
        "denied": [
            {
                "identity": use.identity_arn,
                "action": use.action,
                "resource": use.resource,
                "reason": use.reason,
                "count": count,
            }
            for use, count in record.denied.items()
        ],
        "unused": [
            {"identity": grant.identity_arn, "policy": grant.policy, "sid": grant.sid, "action": grant.action}
            for grant in record.unused
        ],
        "used": [
            {"identity": use.identity_arn, "action": use.action, "resource": use.resource, "count": count}
            for use, count in record.uses.items()
            if use.allowed
        ],
    }


def as_json(record: Record) -> str:
    """The report for machines."""
    return json.dumps(as_dict(record), indent=2) + "\n"


def as_text(record: Record) -> str:
    """The report for people."""
    denied = denied_lines(record)
    lines = ["denied:", *(f"  {line}" for line in denied)] if denied else ["denied: nothing"]
    unused: dict[str, list[str]] = {}
    for grant in record.unused:
        unused.setdefault(_name(grant.identity_arn), []).append(f"{grant.action} ({grant.sid or grant.policy})")
    lines.append("granted and never used:" if unused else "granted and never used: nothing")
    lines += [f"  {name}: {', '.join(actions)}" for name, actions in unused.items()]
    return "\n".join(lines) + "\n"


def denied_lines(record: Record) -> list[str]:
    """What was denied, a line for each permission."""
    return [
        f"{_name(use.identity_arn)}: {use.action} on {use.resource} {use.reason} ({count} times)"
        for use, count in record.denied.items()
    ]


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]
