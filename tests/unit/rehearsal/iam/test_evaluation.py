"""Several policies together: explicit denies, boundaries, resources' policies, endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from rehearsal.aws.iam import policy
from rehearsal.aws.iam.context import Context
from rehearsal.aws.iam.evaluation import (
    Access,
    Policies,
    Principal,
    RolePrincipal,
    ServicePrincipal,
    UserPrincipal,
    decide,
)
from rehearsal.aws.iam.policy import Policy

ROLE = RolePrincipal("1", "arn:aws:iam::1:role/path/r", "arn:aws:sts::1:assumed-role/r/i-1")
USER = UserPrincipal("1", "arn:aws:iam::1:user/people/u")
KEY = "arn:aws:kms:us-east-1:1:key/k"
BUCKET = "arn:aws:s3:::b"
ROOT = {"AWS": "arn:aws:iam::1:root"}


def said(effect: str, action: str = "*", resource: str = "*", name: str = "p", **elements: Any) -> Policy:
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "One", "Effect": effect, "Action": action, "Resource": resource, **elements}],
    }
    return policy.parse(document, name)


def allowed(
    policies: Policies,
    action: str = "s3:GetObject",
    resource: str = BUCKET,
    who: Principal = ROLE,
    context: Mapping[str, str] | None = None,
) -> bool:
    return decide(Access(who, action, resource, Context(context or {})), policies).allowed


ALLOW = said("Allow")
NOTHING = said("Allow", "sns:Publish")


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        (Policies(), False),
        (Policies(identity=(ALLOW,)), True),
        (Policies(identity=(NOTHING, ALLOW)), True),
        (Policies(identity=(ALLOW, said("Deny", "s3:GetObject"))), False),
        (Policies(identity=(ALLOW, said("Deny", "s3:PutObject"))), True),
        (Policies(identity=(ALLOW, said("Deny", Condition={"Bool": {"aws:SecureTransport": "false"}}))), True),
        # boundary
        (Policies(identity=(ALLOW,), boundary=said("Allow", "s3:*")), True),
        (Policies(identity=(ALLOW,), boundary=NOTHING), False),
        (Policies(boundary=ALLOW), False),
        (Policies(identity=(ALLOW,), boundary=said("Deny")), False),
        # endpoint
        (Policies(identity=(ALLOW,), endpoint=NOTHING), False),
        (Policies(identity=(ALLOW,), endpoint=said("Allow", Principal="*")), True),
        (Policies(identity=(ALLOW,), endpoint=said("Allow", Principal={"AWS": ROLE.role_arn})), True),
        (Policies(identity=(ALLOW,), endpoint=said("Allow", Principal={"AWS": "arn:aws:iam::1:role/other"})), False),
        (Policies(endpoint=said("Allow", Principal="*")), False),
        # the resource's own policy
        (Policies(resource=said("Allow", Principal={"AWS": ROLE.role_arn})), True),
        (Policies(resource=said("Allow", Principal={"AWS": ROLE.session_arn})), True),
        (Policies(resource=said("Allow", Principal="*")), True),
        (Policies(resource=said("Allow", Principal=ROOT)), False),
        (Policies(resource=said("Allow", Principal={"AWS": "1"})), False),
        (Policies(resource=said("Allow", Principal={"Service": "events.amazonaws.com"})), False),
        (Policies(identity=(ALLOW,), resource=said("Deny", Principal={"AWS": "*"})), False),
        (Policies(identity=(ALLOW,), resource=said("Deny", Principal=ROOT)), False),
        (Policies(identity=(ALLOW,), resource=NOTHING), True),
        (Policies(resource=said("Allow", Principal={"AWS": ROLE.role_arn}), boundary=NOTHING), False),
        (Policies(resource=said("Allow", Principal={"AWS": ROLE.session_arn}), boundary=NOTHING), True),
        (Policies(identity=(ALLOW,), resource=said("Deny", NotPrincipal={"AWS": ROLE.role_arn})), True),
    ],
)
def test_policies_decide_together(policies: Policies, expected: bool) -> None:
    assert allowed(policies) is expected


@pytest.mark.parametrize(
    ("who", "policies", "expected"),
    [
        (USER, Policies(), False),
        (USER, Policies(identity=(ALLOW,)), True),
        (USER, Policies(identity=(ALLOW,), boundary=NOTHING), False),
        # session policies only take away
        (USER, Policies(identity=(ALLOW,), session=(NOTHING, ALLOW)), True),
        (USER, Policies(identity=(ALLOW,), session=(NOTHING,)), False),
        (USER, Policies(identity=(ALLOW,), session=()), False),
        (USER, Policies(session=(ALLOW,)), False),
        (ROLE, Policies(identity=(ALLOW,), session=(ALLOW, said("Deny", "s3:*"))), False),
        # who is named as a user is named as itself, who is named as a role is not
        (USER, Policies(resource=said("Allow", Principal={"AWS": USER.user_arn}), boundary=NOTHING), True),
        (USER, Policies(resource=said("Allow", Principal={"AWS": USER.user_arn}), session=(NOTHING,)), True),
        (ROLE, Policies(resource=said("Allow", Principal={"AWS": ROLE.role_arn}), session=(NOTHING,)), False),
        (ROLE, Policies(resource=said("Allow", Principal={"AWS": ROLE.role_arn}), session=(ALLOW,)), True),
        (ROLE, Policies(resource=said("Allow", Principal={"AWS": ROLE.session_arn}), session=(NOTHING,)), True),
        (USER, Policies(resource=said("Allow", Principal=ROOT)), False),
        (USER, Policies(resource=said("Allow", Principal=ROOT), resource_decides=True), False),
        (USER, Policies(identity=(ALLOW,), resource=said("Allow", Principal=ROOT), resource_decides=True), True),
        (USER, Policies(identity=(ALLOW,), resource=None, resource_decides=True), False),
        (USER, Policies(identity=(ALLOW,), resource=said("Deny", Principal={"AWS": USER.user_arn})), False),
    ],
)
def test_users_and_session_policies(who: Principal, policies: Policies, expected: bool) -> None:
    assert allowed(policies, who=who) is expected


def test_an_inverted_principal_denies_everyone_else() -> None:
    policies = Policies(
        identity=(ALLOW,),
        resource=policy.parse(
            {"Statement": {"Effect": "Deny", "Action": "*", "NotPrincipal": {"AWS": "arn:aws:iam::1:role/admin"}}}
        ),
    )
    assert not allowed(policies)


VIA_SSM = {"StringEquals": {"kms:ViaService": "ssm.us-east-1.amazonaws.com"}}


@pytest.mark.parametrize(
    ("key_policy", "identity", "via", "expected"),
    [
        (said("Allow", "kms:*", Principal=ROOT), (ALLOW,), "x", True),
        (said("Allow", "kms:*", Principal=ROOT), (), "x", False),
        (None, (ALLOW,), "x", False),
        (NOTHING, (ALLOW,), "x", False),
        (said("Allow", "kms:*", Principal={"AWS": ROLE.role_arn}), (), "x", True),
        (
            said("Allow", "kms:Decrypt", Principal=ROOT, Condition=VIA_SSM),
            (ALLOW,),
            "ssm.us-east-1.amazonaws.com",
            True,
        ),
        (
            said("Allow", "kms:Decrypt", Principal=ROOT, Condition=VIA_SSM),
            (ALLOW,),
            "s3.us-east-1.amazonaws.com",
            False,
        ),
    ],
)
def test_a_key_policy_has_to_allow_or_to_leave_it_to_the_account(
    key_policy: Policy | None, identity: tuple[Policy, ...], via: str, expected: bool
) -> None:
    policies = Policies(identity=identity, resource=key_policy, resource_decides=True)
    assert allowed(policies, "kms:Decrypt", KEY, context={"kms:ViaService": via}) is expected


def test_a_service_is_allowed_by_the_resources_policy_alone() -> None:
    rule = {"ArnLike": {"aws:SourceArn": "arn:aws:events:us-east-1:1:rule/mine"}}
    events = ServicePrincipal("events.amazonaws.com")
    mine = Policies(resource=said("Allow", Principal={"Service": events.name}, Condition=rule))
    assert allowed(mine, who=events, context={"aws:SourceArn": "arn:aws:events:us-east-1:1:rule/mine"})
    assert not allowed(mine, who=events, context={"aws:SourceArn": "arn:aws:events:us-east-1:1:rule/other"})
    assert not allowed(Policies(identity=(ALLOW,)), who=events)


@pytest.mark.parametrize(
    ("policies", "reason"),
    [
        (Policies(), "because no identity-based policy allows the s3:GetObject action"),
        (
            Policies(identity=(ALLOW,), boundary=NOTHING),
            "because no permissions boundary allows the s3:GetObject action",
        ),
        (
            Policies(identity=(ALLOW,), endpoint=NOTHING),
            "because no VPC endpoint policy allows the s3:GetObject action",
        ),
        (
            Policies(identity=(ALLOW,), resource_decides=True),
            "because no resource-based policy allows the s3:GetObject action",
        ),
        (Policies(identity=(said("Deny"),)), "with an explicit deny in an identity-based policy"),
        (Policies(resource=said("Deny", Principal="*")), "with an explicit deny in a resource-based policy"),
    ],
)
def test_the_reason_says_which_policy_refused(policies: Policies, reason: str) -> None:
    decision = decide(Access(ROLE, "s3:GetObject", BUCKET, Context({})), policies)
    assert decision.reason == reason


def test_an_answer_names_the_statement_that_decided() -> None:
    access = Access(ROLE, "s3:GetObject", BUCKET, Context({}))
    assert decide(access, Policies(identity=(said("Allow", name="mine"),))).decided_by == "mine/One"
    assert decide(access, Policies(identity=(ALLOW, said("Deny", name="no")))).decided_by == "no/One"
