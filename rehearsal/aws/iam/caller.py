"""What condition keys say of who makes a request and of its way, and of one permission that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from rehearsal.aws.iam import catalog, keys
from rehearsal.aws.iam.context import Context, KnownKeys, Values
from rehearsal.aws.iam.evaluation import IdentityPrincipal, RolePrincipal, UserPrincipal
from rehearsal.aws.iam.requests.asked import Need
from rehearsal.aws.partitions import by_name

if TYPE_CHECKING:
    from rehearsal.aws.iam.policy import Policy
    from rehearsal.aws.resource_facts import Identity
    from rehearsal.aws.server import Call
    from rehearsal.aws.sessions import Session

RESOURCE_TAG = "aws:ResourceTag/"
SERVICE_DOMAIN = "amazonaws.com"
"""The domain of services' principals, in every partition."""

_KNOWN = KnownKeys(keys.KNOWN)
_KNOWN_WITHOUT_TAGS = KnownKeys(keys.KNOWN - {RESOURCE_TAG})


class Endpoint(Protocol):
    """The VPC endpoint that a request came through."""

    @property
    def endpoint_id(self) -> str:
        """Such as `vpce-0123456789abcdef0`."""

    @property
    def vpc_id(self) -> str:
        """The VPC that it stands in, which may be a peer of the caller's."""

    @property
    def policy(self) -> str | None:
        """The endpoint's policy as JSON; None for the one that allows everything."""


class Tags(Protocol):
    """Reads the tags of resources."""

    def tags(self, arn: str) -> Mapping[str, str] | None:
        """The tags of a resource; None where nobody here knows them."""


@dataclass(frozen=True)
class Caller:
    """A role's session or a user, and what is true of all its requests."""

    principal: IdentityPrincipal
    region: str
    values: Mapping[str, Values]
    """Condition keys about role or user and the moment, which also hold when a service acts on the caller's behalf."""
    network: Mapping[str, Values]
    """Condition keys about the instance and the network; a service that acts on the caller's behalf has none."""
    called_via: tuple[str, ...] = ()
    """The services that made the request on the caller's behalf, as principals."""
    session_policies: tuple[Policy, ...] | None = None


def is_user(session: Session) -> bool:
    """Whether credentials are a user's and not a role's."""
    return session.identity_arn.split(":", 5)[5].startswith("user/")


def session_arn(session: Session) -> str:
    """The ARN of a role's session or of a user, as errors and GetCallerIdentity show it."""
    if is_user(session):
        return session.identity_arn
    _, partition, _, _, account, role = session.identity_arn.split(":", 5)
    return f"arn:{partition}:sts::{account}:assumed-role/{role.rpartition('/')[2]}/{session.name}"


def user_id(session: Session, identity: Identity) -> str:
    """The unique id of a user, or of a role with the name of its session: `aws:userid`."""
    return identity.unique_id if is_user(session) else f"{identity.unique_id}:{session.name}"


def caller(session: Session, identity: Identity, region: str, now: datetime) -> Caller:
    """A session as it acts in a region now."""
    account = session.identity_arn.split(":")[4]
    principal: IdentityPrincipal = RolePrincipal(account, session.identity_arn, session_arn(session))
    if is_user(session):
        principal = UserPrincipal(account, session.identity_arn)
    values: dict[str, Values] = {
        "aws:PrincipalArn": session.identity_arn,
        "aws:PrincipalAccount": account,
        "aws:PrincipalType": "User" if is_user(session) else "AssumedRole",
        "aws:PrincipalIsAWSService": "false",
        "aws:userid": user_id(session, identity),
        **({"aws:username": identity.name} if is_user(session) else {}),
        "aws:CurrentTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:EpochTime": str(int(now.timestamp())),
        "aws:RequestedRegion": region,
        # The local AWS speaks HTTP where AWS has HTTPS.
        "aws:SecureTransport": "true",
        **{f"aws:PrincipalTag/{key}": value for key, value in identity.tags.items()},
    }
    instance = {
        "aws:EC2InstanceSourceVPC": session.vpc_id,
        "aws:EC2InstanceSourcePrivateIPv4": session.private_ip,
        "ec2:SourceInstanceARN": session.instance_arn,
    }
    network: dict[str, Values] = {key: value for key, value in instance.items() if value is not None}
    return Caller(principal, region, values, network, session.called_via)


def network_values(call: Call, endpoint: Endpoint | None) -> dict[str, Values]:
    """Condition keys about the way that a request took: through a VPC endpoint, or over the internet."""
    values: dict[str, Values] = {"aws:UserAgent": call.request.headers.get("User-Agent", "")}
    if call.origin is None:
        return values | {"aws:SourceIp": call.request.remote_addr or "127.0.0.1"}
    # The VPC that the request arrives in: of an endpoint in another VPC, that one.
    vpc_id = call.origin.vpc_id if endpoint is None else endpoint.vpc_id
    values |= {"aws:SourceVpc": vpc_id, "aws:VpcSourceIp": call.origin.address}
    return values | ({"aws:SourceVpce": endpoint.endpoint_id} if endpoint is not None else {})


def context(who: Caller, need: Need, tags: Tags) -> Context:
    """The condition keys of one permission. Keys that AWS does not list for the action are left out."""
    action = catalog.action(need.action)
    values: dict[str, Values] = dict(who.values)
    account = who.principal.account_id
    chain = who.called_via if need.via is None else (*who.called_via, f"{need.via}.{SERVICE_DOMAIN}")
    if chain:
        values |= {"aws:ViaAWSService": "true", "aws:CalledVia": chain}
        values |= {"aws:CalledViaFirst": chain[0], "aws:CalledViaLast": chain[-1]}
    else:
        values |= {**who.network, "aws:ViaAWSService": "false"}
    if need.via is not None:
        # CloudFormation by itself is not among the services that the KMS guide lists for this key.
        partition = who.principal.identity_arn.split(":")[1]
        values["kms:ViaService"] = f"{need.via}.{who.region}.{by_name(partition).via_domain}"
    if need.resource != "*":
        values |= {"aws:ResourceAccount": account}
    own: dict[str, Values] = {**need.values, "kms:CallerAccount": account, "s3:ResourceAccount": account}
    known = _KNOWN
    if action is not None and action.knows(f"{RESOURCE_TAG}x") and need.resource.startswith("arn:"):
        found = tags.tags(need.resource)
        known = _KNOWN if found is not None else _KNOWN_WITHOUT_TAGS
        prefix = need.action.partition(":")[0]
        for key, value in (found or {}).items():
            own |= {f"{RESOURCE_TAG}{key}": value, f"{prefix}:ResourceTag/{key}": value}
    values |= {key: value for key, value in own.items() if action is not None and action.knows(key)}
    return Context(values, known)
