"""Which requests for certificates are approved: each line of these tables is a sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from userdata.agent.csr_policy import (
    GRACE_SECONDS,
    Approve,
    Asked,
    Bootstrapping,
    Deny,
    Postpone,
    Serving,
    Verdict,
    decide_first,
    decide_serving,
)
from userdata.kubeadm.tokens import GROUP
from userdata.pki.requests import CertificateRequest

ME, OTHER = "i-0123456789abcdef0", "i-0fedcba9876543210"
KEY, OTHER_KEY = "aa" * 32, "bb" * 32
FIRST = Asked(
    username="system:bootstrap:abcdef",
    groups=frozenset({"system:bootstrappers", GROUP, "system:authenticated"}),
    usages=frozenset({"digital signature", "client auth"}),
    request=CertificateRequest(f"system:node:{ME}", "system:nodes"),
    age_seconds=1,
)
JOINING = Bootstrapping(role="worker", state="running", has_node=False, boot_fingerprint=KEY)
SERVES = Asked(
    username=f"system:node:{ME}",
    groups=frozenset({"system:nodes", "system:authenticated"}),
    usages=frozenset({"digital signature", "server auth"}),
    request=CertificateRequest(f"system:node:{ME}", "system:nodes", (ME,), ("10.0.0.5",)),
    age_seconds=1,
)
SHOWN = Serving("running", frozenset({"10.0.0.5", "10.0.0.6"}))


def asking(asked: Asked, **changed: Any) -> Asked:
    """The same request for something else."""
    return replace(asked, request=replace(asked.request, **changed))


def test_a_worker_that_joins_and_speaks_of_its_key_is_approved() -> None:
    assert isinstance(decide_first(FIRST, KEY, JOINING), Approve)
    assert isinstance(decide_first(FIRST, KEY, replace(JOINING, state="pending")), Approve)


def test_the_same_key_may_be_approved_twice_for_a_kubelet_may_end_before_it_has_its_certificate() -> None:
    assert isinstance(decide_first(FIRST, KEY, replace(JOINING, approved=frozenset({KEY}))), Approve)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (replace(FIRST, username="holdfast:joiner:x"), "not one who joins with a token"),
        (replace(FIRST, username=f"system:node:{ME}"), "not one who joins with a token"),
        (replace(FIRST, groups=frozenset({"system:bootstrappers"})), "not one who joins with a token"),
        (asking(FIRST, organization="system:masters"), "which is no node's"),
        (asking(FIRST, common_name="admin"), "which is no node's"),
        (asking(FIRST, common_name="system:node:"), "which is no node's"),
        (asking(FIRST, common_name="system:node:*"), "which is no node's"),
        (asking(FIRST, common_name=f"xsystem:node:{ME}"), "which is no node's"),
        (asking(FIRST, common_name=f"system:node:system:node:{ME}"), "which is no node's"),
        (replace(FIRST, usages=frozenset({"digital signature", "server auth"})), "usages"),
        (replace(FIRST, usages=FIRST.usages | {"server auth"}), "usages"),
        (replace(FIRST, usages=frozenset()), "usages"),
        (asking(FIRST, names=(ME,)), "no alternative names"),
        (asking(FIRST, addresses=("10.0.0.5",)), "no alternative names"),
    ],
)
def test_a_first_request_of_another_form_is_denied_whatever_is_known(asked: Asked, said: str) -> None:
    denied = decide_first(asked, KEY, JOINING)
    assert isinstance(denied, Deny)
    assert said in denied.reason


@pytest.mark.parametrize(
    ("changed", "kind", "said"),
    [
        ({"role": "control-plane"}, Deny, "is a control plane"),
        ({"role": "control-plane", "state": "terminated"}, Deny, "is a control plane"),
        ({"state": "terminated"}, Deny, "is gone"),
        ({"state": None}, Postpone, "not known to EC2"),
        ({"state": "stopped"}, Postpone, "is stopped"),
        ({"state": "shutting-down"}, Postpone, "is shutting-down"),
        ({"role": ""}, Postpone, "no pool of this cluster"),
        ({"has_node": True}, Postpone, "has a Node already"),
        ({"boot_fingerprint": ""}, Postpone, "has not reported"),
        ({"boot_fingerprint": OTHER_KEY}, Postpone, "not the one"),
        ({"approved": frozenset({OTHER_KEY})}, Postpone, "another key"),
    ],
)
def test_a_first_request_is_refused_where_the_instance_is_not_one_that_joins(
    changed: dict[str, Any], kind: type[Verdict], said: str
) -> None:
    verdict = decide_first(FIRST, KEY, replace(JOINING, **changed))
    assert isinstance(verdict, kind)
    assert said in verdict.reason


def test_another_key_is_denied_once_the_instance_had_time_to_speak_of_it() -> None:
    foreign = replace(JOINING, boot_fingerprint=OTHER_KEY)
    assert isinstance(decide_first(replace(FIRST, age_seconds=GRACE_SECONDS - 1), KEY, foreign), Postpone)
    assert isinstance(decide_first(replace(FIRST, age_seconds=GRACE_SECONDS), KEY, foreign), Deny)
    noded = replace(foreign, has_node=True)
    assert isinstance(decide_first(replace(FIRST, age_seconds=GRACE_SECONDS), KEY, noded), Deny)


INSTANCES = st.builds(
    Bootstrapping,
    role=st.sampled_from(["", "worker", "control-plane"]),
    state=st.sampled_from([None, "pending", "running", "stopping", "stopped", "shutting-down", "terminated"]),
    has_node=st.booleans(),
    boot_fingerprint=st.sampled_from(["", KEY, OTHER_KEY]),
    approved=st.frozensets(st.sampled_from([KEY, OTHER_KEY])),
)


@given(INSTANCES, st.sampled_from([KEY, OTHER_KEY]), st.floats(-100, 10_000))
def test_whoever_is_approved_is_a_live_worker_without_a_node_that_spoke_of_this_key(
    instance: Bootstrapping, key: str, age: float
) -> None:
    verdict = decide_first(replace(FIRST, age_seconds=age), key, instance)
    assert verdict.reason
    allowed = (
        instance.role == "worker"
        and instance.state in ("pending", "running")
        and not instance.has_node
        and instance.boot_fingerprint == key
        and instance.approved <= {key}
    )
    assert isinstance(verdict, Approve) is allowed


@pytest.mark.parametrize(
    "asked",
    [
        SERVES,
        asking(SERVES, names=()),
        asking(SERVES, addresses=()),
        asking(SERVES, addresses=("10.0.0.5", "10.0.0.6")),
        replace(SERVES, usages=SERVES.usages | {"key encipherment"}),
    ],
)
def test_a_node_may_serve_as_what_ec2_shows_of_it(asked: Asked) -> None:
    assert isinstance(decide_serving(asked, SHOWN), Approve)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (asking(SERVES, addresses=("10.0.0.5", "10.0.0.7")), "EC2 shows no address 10.0.0.7"),
        (asking(SERVES, names=(ME, OTHER)), "another server"),
        (asking(SERVES, names=(ME, "api.holdfast.internal")), "another server"),
        (asking(SERVES, names=(), addresses=()), "names no server"),
        (asking(SERVES, common_name=f"system:node:{OTHER}"), "comes from"),
        (asking(SERVES, organization="system:masters"), "comes from"),
        (replace(SERVES, username="system:bootstrap:abcdef"), "not a node"),
        (replace(SERVES, groups=frozenset({"system:authenticated"})), "not a node"),
        (replace(SERVES, usages=SERVES.usages | {"client auth"}), "usages"),
    ],
)
def test_a_node_may_not_serve_as_anything_else(asked: Asked, said: str) -> None:
    denied = decide_serving(asked, SHOWN)
    assert isinstance(denied, Deny)
    assert said in denied.reason


@pytest.mark.parametrize(
    ("state", "kind"), [("terminated", Deny), (None, Postpone), ("stopped", Postpone), ("pending", Approve)]
)
def test_a_node_whose_instance_is_away_may_not_serve(state: str | None, kind: type[Verdict]) -> None:
    assert isinstance(decide_serving(SERVES, replace(SHOWN, state=state)), kind)
