"""The guard of the local AWS: requests are checked as AWS checks them.

The credentials have to be current and complete, the signature has to fit, and the policies of the role or the user have
to allow every permission that the request needs. Requests from outside all VPCs that are signed with the operator's key
are let through; any other key that is nobody's is refused.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from werkzeug.wrappers import Request, Response

from rehearsal.aws.iam import report, requests, signature
from rehearsal.aws.iam.caller import Endpoint, network_values, session_arn
from rehearsal.aws.iam.context import UnknownKey, Values
from rehearsal.aws.iam.judge import Denial, Judge
from rehearsal.aws.iam.policy import PolicyError
from rehearsal.aws.iam.record import Record
from rehearsal.aws.iam.refusals import Refusals
from rehearsal.aws.iam.requests import parsing, sqs
from rehearsal.aws.iam.requests.asked import Asked, Need, NotModelled
from rehearsal.aws.iam.requests.parsing import Unreadable
from rehearsal.aws.iam.state import LocalState
from rehearsal.aws.iam.stored import NoSuchIdentity, StoredPolicies
from rehearsal.aws.resource_facts import IDENTITIES
from rehearsal.aws.server import OPERATOR
from rehearsal.aws.sessions import Session

if TYPE_CHECKING:
    from rehearsal.aws.server import Call, LocalAws

LOG = logging.getLogger(__name__)

REPORT_PATH = "/_iam/report"
"""Where operators get the report: JSON, or text with `?text`."""

ALWAYS = datetime.max.replace(tzinfo=UTC)
"""When a user's own access key ends."""
OF_USERS_SESSIONS = frozenset({"AssumeRole", "GetCallerIdentity"})
"""What of STS the session of a user may call, and nothing of IAM (IAM guide, "Request temporary security credentials";
the local AWS has no MFA)."""

EndpointLookup = Callable[["Call"], Endpoint | None]


class Enforcement:
    """Checks the requests of one local AWS, and keeps the record of what roles and users did."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self._state = LocalState(aws.facts)
        stored = StoredPolicies(aws.facts)
        self._stored = stored
        self.record = Record()
        self.judge = Judge(self._state, stored, self.record)
        self.endpoint_lookup: EndpointLookup | None = None
        """Tells the VPC endpoint of a request from inside a VPC, whose policy then has a say; set by who knows them."""

    def guard(self, call: Call) -> Response | None:
        """The refusal of a request, or None."""
        if call.access_key_id == OPERATOR and call.origin is None:
            return None
        refusals = Refusals(call)
        session = self.holder(call.access_key_id)
        if session is None:
            return refusals.unknown_key()
        wrong = self._credentials(call, session, refusals)
        if wrong is not None:
            return wrong
        try:
            asked = parsing.parse(call, self._aws.account_id)
            if session.closed_to_iam and not _open_to_users_sessions(asked):
                return refusals.unknown_token()
            denial = self._denial(call, session, asked)
        except NoSuchIdentity:
            return refusals.unknown_token()
        except (Unreadable, NotModelled, UnknownKey, PolicyError) as error:
            LOG.error("cannot judge a request of %s: %s", session_arn(session), error)
            return refusals.not_supported(str(error))
        except Exception as error:
            LOG.exception("judging a request of %s failed in the local AWS itself", session_arn(session))
            return refusals.failed(f"{type(error).__name__} in the local AWS: {error}")
        if denial is None:
            return None
        if denial.times == 1:
            # Clients try again and again; the report has the number.
            LOG.warning("%s", denial)
        return refusals.denied(str(denial))

    def holder(self, access_key_id: str) -> Session | None:
        """The credentials that an access key belongs to: those of a session, or a user's own while they are active.

        None for the operator's key, and for a key that is nobody's.
        """
        session = self._aws.sessions.find(access_key_id)
        if session is not None:
            return session
        key = self._aws.facts.of(IDENTITIES).access_key(access_key_id)
        if key is None or not key.active:
            return None
        name = key.user_arn.rpartition("/")[2]
        return Session(key.user_arn, name, access_key_id, key.secret, None, datetime.min.replace(tzinfo=UTC), ALWAYS)

    def problem(self, session: Session, region: str, needs: Iterable[Need]) -> str | None:
        """Why a service may not do something with a role, as Lambda does with a function's; None when it may."""
        try:
            who = self.judge.caller(session, region, self._aws.clock.now(), {})
            denial = self.judge.judge(who, needs)
        except NoSuchIdentity:
            return f"{session.identity_arn} is gone"
        except (UnknownKey, PolicyError) as error:
            return str(error)
        return str(denial) if denial is not None else None

    def sending_problem(self, service: str, queue_arn: str, values: Mapping[str, Values]) -> str | None:
        """Why a service of AWS may not send to a queue by itself, as EventBridge does; None when it may.

        The policies of the queue, and of the key that it is encrypted with, decide. Only the queue's hears `values`,
        whom the service sends for: "Adding the aws:SourceAccount, aws:SourceArn, and aws:SourceOrgID to a AWS KMS
        policy is not supported for EventBridge-to-encrypted topics" (SNS developer guide, "Managing encryption keys").
        """
        for need in sqs.on_queue("SendMessage", queue_arn, self._state):
            told = values if need.action.startswith("sqs:") else {}
            decision = self.judge.service_may(service, need.action, need.resource, {**need.values, **told})
            if not decision.allowed:
                return f"{service} may not {need.action} on {need.resource} {decision.reason}"
        return None

    def answer_report(self, request: Request) -> Response:
        """The report of the run so far."""
        if "text" in request.args:
            return Response(report.as_text(self.record), mimetype="text/plain")
        return Response(report.as_json(self.record), mimetype="application/json")

    def _credentials(self, call: Call, session: Session, refusals: Refusals) -> Response | None:
        if call.request.headers.get("X-Amz-Security-Token") != session.session_token:
            return refusals.unknown_token()
        if session.expires_at <= self._aws.clock.now():
            return refusals.expired()
        secret = session.secret_access_key
        if not signature.is_valid(call.request, call.service, call.region, call.access_key_id, secret):
            return refusals.signature()
        return None

    def _denial(self, call: Call, session: Session, asked: Asked) -> Denial | None:
        endpoint = self.endpoint_lookup(call) if self.endpoint_lookup is not None else None
        network: Mapping[str, Values] = network_values(call, endpoint)
        who = self.judge.caller(session, call.region, self._aws.clock.now(), network)
        try:
            needed = requests.needs(asked, self._state)
        except NotModelled as error:
            denial = self.judge.may_never(who, error.action)
            if denial is None:
                raise
            return denial
        return self.judge.judge(who, needed, endpoint)


def _open_to_users_sessions(asked: Asked) -> bool:
    return asked.service != "iam" and (asked.service != "sts" or asked.operation in OF_USERS_SESSIONS)


_running: WeakKeyDictionary[LocalAws, Enforcement] = WeakKeyDictionary()


def enforcement_of(aws: LocalAws) -> Enforcement:
    """The enforcement of a running local AWS. KeyError when it is not started."""
    return _running[aws]


def start(aws: LocalAws) -> None:
    """Check the requests of this local AWS."""
    enforcement = Enforcement(aws)
    _running[aws] = enforcement
    aws.guard(enforcement.guard, last=True)
    aws.route(REPORT_PATH, enforcement.answer_report)
