"""By whose rights an operation is carried out: the operator's, the caller's, or those of a service role."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from rehearsal.aws.cloudformation.errors import ValidationError
from rehearsal.aws.cloudformation.provider import ProviderError
from rehearsal.aws.iam.enforcement import Enforcement, enforcement_of
from rehearsal.aws.iam.requests.asked import Need
from rehearsal.aws.sessions import Session

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws

PRINCIPAL = "cloudformation.amazonaws.com"
ROLE_SESSION = "AWSCloudFormation"
"""The name of the session that CloudFormation has of a service role."""
SESSION_SECONDS = 7 * 24 * 3600.0
"""How long its credentials last: longer than any operation."""


class Rights(Protocol):
    """What CloudFormation may do in one operation."""

    @property
    def identity(self) -> str:
        """ARN of the role or user whose rights they are; empty for the operator."""

    def client(self, service: str, region: str) -> Any:
        """A boto3 client that acts with these rights."""

    def require(self, region: str, action: str, resource: str) -> None:
        """Raises ProviderError when they do not allow something that the engine does without a request."""


class OperatorRights:
    """Everything is allowed. `client_for` makes clients of a service and a region."""

    identity = ""

    def __init__(self, client_for: Callable[[str, str], Any]) -> None:
        self._client_for = client_for

    def client(self, service: str, region: str) -> Any:
        """A boto3 client of the operator."""
        return self._client_for(service, region)

    def require(self, region: str, action: str, resource: str) -> None:
        """Nothing is refused."""


class SessionRights:
    """What the policies of a session's role or user allow, in requests that CloudFormation makes."""

    def __init__(self, aws: LocalAws, session: Session) -> None:
        self._aws = aws
        self._session = session

    @property
    def identity(self) -> str:
        """ARN of the session's role or user."""
        return self._session.identity_arn

    def client(self, service: str, region: str) -> Any:
        """A boto3 client that acts as the session's role or user."""
        return self._aws.client(service, region, self._session)

    def require(self, region: str, action: str, resource: str) -> None:
        """Raises ProviderError with the text of the denial."""
        problem = enforcement_of(self._aws).problem(self._session, region, [Need(action, resource)])
        if problem is not None:
            raise ProviderError(problem)


class RightsOfCallers:
    """Whose rights the requests to this CloudFormation have.

    CloudFormation calls other services by forward access sessions, of the caller and of a service role alike, so
    `aws:CalledViaFirst` and `aws:ViaAWSService` are there for both (CloudFormation guide, "Forward access sessions
    (FAS) requests and permission evaluation").
    """

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws

    def of(self, access_key_id: str, role_arn: str | None) -> Rights:
        """Those of the service role, where there is one, or else of who signed the request. Raises ValidationError."""
        if role_arn is not None:
            return self._of_role(role_arn)
        holder = self._enforcement.holder(access_key_id)
        return OperatorRights(self._aws.client) if holder is None else self._forwarded(holder)

    def _of_role(self, role_arn: str) -> Rights:
        if not self._enforcement.judge.service_may_assume(PRINCIPAL, role_arn).allowed:
            raise ValidationError(f"Role {role_arn} is invalid or cannot be assumed")
        return self._forwarded(self._aws.sessions.issue(role_arn, ROLE_SESSION, SESSION_SECONDS))

    def _forwarded(self, session: Session) -> Rights:
        return SessionRights(self._aws, self._aws.sessions.forward(session, PRINCIPAL, SESSION_SECONDS))

    @property
    def _enforcement(self) -> Enforcement:
        return enforcement_of(self._aws)
