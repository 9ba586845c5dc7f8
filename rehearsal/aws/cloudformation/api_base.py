"""What all CloudFormation operations share."""

from __future__ import annotations

import re

from rehearsal.aws.cloudformation.account import Account
from rehearsal.aws.cloudformation.change_sets import ChangeSet, ChangeSets, Work
from rehearsal.aws.cloudformation.engine import Engine
from rehearsal.aws.cloudformation.model import Stack
from rehearsal.aws.cloudformation.operations import Operations
from rehearsal.aws.cloudformation.rights import RightsOfCallers
from rehearsal.aws.protocol import RequestContext, Service

FEATURES = re.compile(r"\bm/([A-Za-z0-9+,-]*)")
WAITER_FEATURE = "B"
"""How botocore marks a waiter's calls in the user agent (botocore.useragent)."""
HOLD_SECONDS = 50.0
"""Real seconds for which a waiter's call is held: below every client's read time-out of 60 s."""


class CloudFormationBase(Service):
    """The engine behind the operations."""

    service_name = "cloudformation"

    def __init__(self, engine: Engine, rights: RightsOfCallers, work: Work) -> None:
        self.engine = engine
        self.store = engine.store
        self.change_sets = ChangeSets(engine.store, work)
        self._rights = rights

    def acting(self, context: RequestContext, role_arn: str | None = None) -> Operations:
        """Operations with the rights of the caller, or of a service role. Raises ValidationError."""
        return Operations(self.engine.acting(self._rights.of(context.access_key_id, role_arn)))

    def reading(self, context: RequestContext) -> Account:
        """The account as the caller sees it, whatever role an operation has: templates of requests are read so."""
        return self.acting(context).engine.account(context.region)

    def hold(self, context: RequestContext, busy: Stack | ChangeSet) -> None:
        """Answer a waiter's call when the operation ends instead of at once.

        The AWS CLI's deploy asks every 30 seconds, which no local rehearsal wants to wait for. The answer is still the
        state at the moment when it is given; any other caller is answered at once.
        """
        features = FEATURES.search(context.user_agent)
        if features is None or WAITER_FEATURE not in features[1].split(","):
            return
        self.store.wait_until(lambda: not _busy(busy) or self.engine.stopping.is_set(), HOLD_SECONDS)


def _busy(thing: Stack | ChangeSet) -> bool:
    if isinstance(thing, Stack):
        return thing.in_progress
    return thing.status in {"CREATE_PENDING", "CREATE_IN_PROGRESS"}
