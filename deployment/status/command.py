"""`make status`: one look at a cluster, told on one screen or as JSON."""

from __future__ import annotations

import time
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from coordination.adapters.errors import unknown
from coordination.report.parts import Part, Report
from coordination.report.rendering import Size, document, screen
from deployment.aws import Aws
from deployment.status import finding
from deployment.status.decide import decide
from deployment.status.gather import Sources

SCREEN = Size(columns=100, rows=10)
"""A healthy cluster of three slots fits into forty lines of it."""

EXIT_CODES = """exit codes:
  0  nobody has to act
  1  somebody has to act
  2  bad input, or not everything could be found out"""
"""For people; coordination.report.parts.Verdict has the numbers."""


def run(aws: Aws, name: str, *, as_json: bool, say: Callable[[str], None] = print) -> int:
    """Tells the cluster's state; the exit code is the report's verdict. Raises Refusal where there is no cluster."""
    found = _report(aws, name)
    say((document(found) if as_json else screen(found, SCREEN)).rstrip("\n"))
    return int(found.verdict)


def _report(aws: Aws, name: str) -> Report:
    try:
        return decide(Sources(aws, finding.root_stack(aws.client("cloudformation"), name)).look())
    except (ClientError, BotoCoreError) as error:
        # Without its root stack nothing else of a cluster can be found.
        reason = unknown(error.operation_name, error).reason if isinstance(error, ClientError) else str(error)
        return Report(time.time(), f"cluster {name}", (Part("stack", unknown=(reason,)),))
