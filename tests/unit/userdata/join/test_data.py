"""Join data as a text, and in the local SSM."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from coordination.outcomes import Done, Known, Throttled, Unknown
from rehearsal.aws.server import LocalAws
from tests.unit.userdata.parameters import connect, refuse
from userdata.join.data import JoinData, JoinDataError, join_data
from userdata.join.outcomes import Unreadable
from userdata.join.store import JoinStore
from userdata.kubeadm.tokens import new_token
from userdata.pki.issuing import new_authority
from userdata.pki.material import MAX_ITEM_BYTES

NUMBERS = itertools.count()
BUNDLE = new_authority("kubernetes", datetime.now(UTC)).bundle
DATA = JoinData(3, "cdf818194e3a8c32", "https://api.holdfast.internal:6443", BUNDLE, new_token())


@pytest.fixture
def ssm(aws: LocalAws) -> Any:
    return connect(aws.endpoint, aws.region, tries=1)


@pytest.fixture
def prefix() -> str:
    """Below which nothing is stored."""
    return f"/holdfast/0b1c{next(NUMBERS)}"


@pytest.fixture
def store(ssm: Any, key_arn: str, prefix: str) -> JoinStore:
    return JoinStore(ssm, prefix, key_arn)


def test_what_is_stored_is_read_back() -> None:
    assert join_data(DATA.text) == DATA


def test_a_bundle_of_two_authorities_fits_with_room_to_spare() -> None:
    two = replace(DATA, bundle=BUNDLE + new_authority("kubernetes", datetime.now(UTC)).bundle)
    assert len(two.text) < MAX_ITEM_BYTES / 2
    assert join_data(two.text) == two


def test_what_no_parameter_can_hold_is_refused() -> None:
    with pytest.raises(JoinDataError, match="allowed: 4096"):
        _ = replace(DATA, bundle=BUNDLE * 7).text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epoch", None),
        ("epoch", True),
        ("epoch", "3"),
        ("etcd_cluster_id", ""),
        ("server", "http://api:6443"),
        ("server", "https://api:6443/path"),
        ("ca", "no certificate"),
        ("token", "abcdef"),
        ("token", None),
    ],
)
def test_a_field_that_is_wrong_is_refused_without_its_value(field: str, value: object) -> None:
    stored = json.dumps({**json.loads(DATA.text), field: value})
    with pytest.raises(JoinDataError) as refused:
        join_data(stored)
    assert DATA.token.secret not in str(refused.value)


@pytest.mark.parametrize("stored", ["", "[]", f"token {DATA.token.text}"], ids=["nothing", "a list", "a token"])
def test_another_text_is_refused_without_showing_it(stored: str) -> None:
    with pytest.raises(JoinDataError) as refused:
        join_data(stored)
    assert DATA.token.secret not in str(refused.value)


def test_data_of_another_epoch_or_another_etcd_is_not_of_this_cluster() -> None:
    assert DATA.is_of(3, "cdf818194e3a8c32")
    assert not DATA.is_of(4, "cdf818194e3a8c32")
    assert not DATA.is_of(3, "other")


def test_before_anyone_has_published_there_is_nothing(store: JoinStore) -> None:
    assert store.read() == Known(None)


def test_what_is_published_replaces_what_was_there(store: JoinStore) -> None:
    assert store.publish(DATA) == Done()
    later = replace(DATA, token=new_token())
    assert store.publish(later) == Done()
    assert store.read() == Known(later)


def test_the_token_is_encrypted_with_the_clusters_key_and_the_certificates_can_be_read_by_people(
    store: JoinStore, ssm: Any, prefix: str, key_arn: str
) -> None:
    store.publish(DATA)
    path = f"{prefix}/join"
    stored = {each["Name"]: each for each in ssm.get_parameters_by_path(Path=path)["Parameters"]}
    assert stored[f"{path}/data"]["Type"] == "SecureString"
    assert stored[f"{path}/ca"] | {"Type": "String", "Value": BUNDLE} == stored[f"{path}/ca"]
    described = {each["Name"]: each for each in ssm.describe_parameters()["Parameters"]}
    assert described[f"{path}/data"]["KeyId"] == key_arn


def test_what_is_no_join_data_says_so(store: JoinStore, ssm: Any, prefix: str) -> None:
    ssm.put_parameter(Name=f"{prefix}/join/data", Value=f"spoilt {DATA.token.text}", Type="SecureString")
    read = store.read()
    assert isinstance(read, Unreadable)
    assert DATA.token.secret not in read.reason


@pytest.mark.parametrize(("code", "kind"), [("ThrottlingException", Throttled), ("InternalServerError", Unknown)])
def test_a_publication_that_fails_is_unknown_and_quotes_nothing(
    store: JoinStore, ssm: Any, code: str, kind: type[Unknown]
) -> None:
    # AWS quotes what it was sent.
    refuse(ssm, "PutParameter", code, DATA.text)
    outcome = store.publish(DATA)
    assert type(outcome) is kind
    assert DATA.token.secret not in outcome.reason


def test_a_read_that_fails_is_unknown_and_nobody_takes_it_for_nothing(store: JoinStore, ssm: Any) -> None:
    refuse(ssm, "GetParameter", "AccessDeniedException", DATA.text)
    assert isinstance(store.read(), Unknown)


def test_no_repr_shows_the_token() -> None:
    assert DATA.token.secret not in repr(DATA)
