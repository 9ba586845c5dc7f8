"""STS: who somebody is, and temporary credentials of roles and users. Our own, for moto's are never checked."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from rehearsal.aws.iam.caller import is_user, session_arn, user_id
from rehearsal.aws.iam.enforcement import enforcement_of
from rehearsal.aws.protocol import RequestContext, Service, ServiceError
from rehearsal.aws.resource_facts import IDENTITIES, NamedDocument
from rehearsal.aws.sessions import Session

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws

SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
SHORTEST_SECONDS = 900
CHAINED_SECONDS = 3600
"""The longest session that is begun with the credentials of another one of a role."""
TOKEN_SECONDS = (129600, 43200)
"""The longest session of a user, and how long one lasts that says nothing (API reference of GetSessionToken)."""
MAX_POLICY_CHARACTERS = 2048
OFFERED = frozenset({"RoleArn", "RoleSessionName", "DurationSeconds", "ExternalId", "Policy", "PolicyArns"})


def start(aws: LocalAws) -> None:
    """Answer STS's requests in this local AWS."""
    aws.register(Tokens(aws))


class Tokens(Service):
    """STS. Whether somebody may assume a role is checked before a request comes here."""

    service_name = "sts"

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws

    def get_caller_identity(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        """Who signed the request."""
        holder = self._holder(context)
        if holder is None:
            arn = f"arn:{context.partition}:iam::{context.account_id}:root"
            return {"Account": context.account_id, "Arn": arn, "UserId": context.account_id}
        identity = self._aws.facts.of(IDENTITIES).find(holder.identity_arn)
        assert identity is not None
        return {"Account": context.account_id, "Arn": session_arn(holder), "UserId": user_id(holder, identity)}

    def assume_role(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        """Temporary credentials of a role."""
        _offered(request, OFFERED)
        name, arn = request["RoleSessionName"], request["RoleArn"]
        if not SESSION_NAME.fullmatch(name):
            raise _invalid(f"Value '{name}' at 'roleSessionName' failed to satisfy constraint: {SESSION_NAME.pattern}")
        role = self._aws.facts.of(IDENTITIES).find(arn)
        if role is None or role.trust is None:
            # Of the operator alone: everybody else is refused for want of a trust policy.
            raise ServiceError("AccessDenied", f"There is no role {arn}", 403)
        holder = self._holder(context)
        seconds = request.get("DurationSeconds") or 3600
        if holder is not None and not is_user(holder) and seconds > CHAINED_SECONDS:
            raise _invalid(
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
            )
        if seconds > role.longest_session_seconds:
            raise _invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
        _at_least(seconds, SHORTEST_SECONDS)
        session = self._aws.sessions.issue(arn, name, seconds, policies=self._session_policies(request))
        identity = {"AssumedRoleId": user_id(session, role), "Arn": session_arn(session)}
        return {"Credentials": _credentials(session), "AssumedRoleUser": identity}

    def get_session_token(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        """Temporary credentials of the user who asks."""
        _offered(request, frozenset({"DurationSeconds"}))
        holder = self._holder(context)
        if holder is None or not is_user(holder) or holder.session_token is not None:
            raise ServiceError("AccessDenied", "Cannot call GetSessionToken with session credentials", 403)
        longest, usual = TOKEN_SECONDS
        seconds = request.get("DurationSeconds") or usual
        _at_least(seconds, SHORTEST_SECONDS)
        if seconds > longest:
            raise _invalid(f"DurationSeconds is {seconds}; allowed: {SHORTEST_SECONDS} to {longest}")
        session = self._aws.sessions.issue(holder.identity_arn, holder.name, seconds, closed_to_iam=True)
        return {"Credentials": _credentials(session)}

    def _holder(self, context: RequestContext) -> Session | None:
        return enforcement_of(self._aws).holder(context.access_key_id)

    def _session_policies(self, request: dict[str, Any]) -> tuple[NamedDocument, ...] | None:
        """The policies that limit a session; managed ones are read now. None where the request has none."""
        text = request.get("Policy")
        found = []
        if text:
            if len(text) > MAX_POLICY_CHARACTERS:
                raise _invalid(f"Policy has {len(text)} characters; allowed: {MAX_POLICY_CHARACTERS}")
            try:
                json.loads(text)
            except ValueError:
                raise ServiceError("MalformedPolicyDocument", "This policy contains invalid Json") from None
            found.append(NamedDocument("session policy", text))
        for each in request.get("PolicyArns") or ():
            managed = self._aws.facts.of(IDENTITIES).managed_policy(each["arn"])
            if managed is None:
                raise _invalid(f"PolicyArn {each['arn']} does not exist")
            found.append(managed)
        return tuple(found) or None


def _credentials(session: Session) -> dict[str, Any]:
    return {
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret_access_key,
        "SessionToken": session.session_token,
        "Expiration": session.expires_at,
    }


def _offered(request: dict[str, Any], known: frozenset[str]) -> None:
    unknown = sorted(key for key, value in request.items() if value and key not in known)
    if unknown:
        raise _invalid(f"the local AWS does not offer {', '.join(unknown)}")


def _at_least(seconds: int, shortest: int) -> None:
    if seconds < shortest:
        raise _invalid(f"DurationSeconds is {seconds}; allowed: at least {shortest}")


def _invalid(text: str) -> ServiceError:
    return ServiceError("ValidationError", text)
