"""The store of keys against the local SSM and KMS, with errors and lost replies injected at botocore's hooks."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from coordination.outcomes import Done, Known, Throttled, Unknown
from rehearsal.aws.server import LocalAws
from tests.unit.userdata.parameters import connect, refuse
from tests.unit.userdata.secrecy import leaks, pki_secrets, texts
from userdata.pki import material
from userdata.pki.issuing import new_pki
from userdata.pki.outcomes import Incomplete, Mixture
from userdata.pki.store import PkiStore

PREFIX = "/holdfast/0b1c"
NOW = datetime.now(UTC)
MINE, THEIRS = new_pki(NOW), new_pki(NOW)
EPOCHS = itertools.count(1)


@pytest.fixture
def client(aws: LocalAws) -> Any:
    return connect(aws.endpoint, aws.region, tries=1)


@pytest.fixture
def store(client: Any, key_arn: str) -> PkiStore:
    return PkiStore(client, PREFIX, key_arn, {})


@pytest.fixture
def epoch() -> int:
    """An epoch under which nothing is stored."""
    return next(EPOCHS)


def lose_replies(client: Any, operation: str, first: int = 0, last: int = 1000) -> None:
    """Calls of `operation`, those from number `first` to `last`, happen, and their replies never arrive."""
    calls = itertools.count()

    def handler(**_: Any) -> None:
        if first <= next(calls) <= last:
            raise ReadTimeoutError(endpoint_url="https://ssm")

    client.meta.events.register(f"after-call.ssm.{operation}", handler)


def calls_of(client: Any, operation: str) -> list[dict[str, Any]]:
    """The parameters of every later call of `operation`."""
    seen: list[dict[str, Any]] = []
    client.meta.events.register(f"provide-client-params.ssm.{operation}", lambda params, **_: seen.append(dict(params)))
    return seen


def test_a_stored_set_is_read_back_whole_by_one_call(client: Any, store: PkiStore, epoch: int) -> None:
    assert store.store(epoch, MINE) == Done()
    reads = calls_of(client, "GetParameters")
    assert store.read(epoch) == Known(MINE)
    assert len(reads) == 1


def test_each_item_is_a_parameter_of_its_own_encrypted_with_the_clusters_key(
    client: Any, store: PkiStore, epoch: int, key_arn: str
) -> None:
    writes = calls_of(client, "PutParameter")
    store.store(epoch, MINE)
    assert [write["Name"] for write in writes] == [f"{PREFIX}/{epoch}/{item}" for item in material.ITEMS]
    assert {(write["Type"], write["KeyId"], write["Overwrite"], write["Tier"]) for write in writes} == {
        ("SecureString", key_arn, False, "Standard")
    }


def test_each_item_carries_the_organisations_tags_from_its_creation_on(client: Any, epoch: int, key_arn: str) -> None:
    store = PkiStore(client, PREFIX, key_arn, {"owner": "platform"})
    assert store.store(epoch, MINE) == Done()
    names = [f"{PREFIX}/{epoch}/{item}" for item in material.ITEMS]
    found = [client.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"] for name in names]
    assert found == [[{"Key": "owner", "Value": "platform"}]] * len(names)


def test_without_tags_none_are_given_for_they_would_need_a_permission(client: Any, store: PkiStore, epoch: int) -> None:
    writes = calls_of(client, "PutParameter")
    store.store(epoch, MINE)
    assert [write for write in writes if "Tags" in write] == []


def test_storing_the_same_set_again_is_done(store: PkiStore, epoch: int) -> None:
    assert [store.store(epoch, MINE), store.store(epoch, MINE)] == [Done(), Done()]


def test_a_set_of_another_run_is_a_mixture_and_stays_as_it_is(store: PkiStore, epoch: int) -> None:
    store.store(epoch, THEIRS)
    assert store.store(epoch, MINE) == Mixture("ca")
    assert store.read(epoch) == Known(THEIRS)


def test_half_a_set_of_another_run_is_a_mixture(client: Any, store: PkiStore, epoch: int, key_arn: str) -> None:
    client.put_parameter(
        Name=f"{PREFIX}/{epoch}/encryption", Value="of another run", Type="SecureString", KeyId=key_arn
    )
    assert store.store(epoch, MINE) == Mixture("encryption")


def test_a_lost_reply_is_done_once_what_is_stored_is_mine(client: Any, store: PkiStore, epoch: int) -> None:
    lose_replies(client, "PutParameter")
    assert store.store(epoch, MINE) == Done()
    assert store.read(epoch) == Known(MINE)


def test_a_lost_reply_is_a_mixture_where_what_is_stored_is_not_mine(client: Any, store: PkiStore, epoch: int) -> None:
    store.store(epoch, THEIRS)
    lose_replies(client, "PutParameter")
    assert store.store(epoch, MINE) == Mixture("ca")


def test_a_repetition_by_botocore_that_finds_its_own_first_try_is_done(aws: LocalAws, key_arn: str, epoch: int) -> None:
    repeating = connect(aws.endpoint, aws.region, tries=3)
    lost = itertools.count()

    original = repeating._endpoint.http_session.send

    def send(request: Any) -> Any:
        answer = original(request)
        if next(lost) == 0:
            raise ReadTimeoutError(endpoint_url="https://ssm")
        return answer

    repeating._endpoint.http_session.send = send
    store = PkiStore(repeating, PREFIX, key_arn, {})
    assert store.store(epoch, MINE) == Done()
    assert next(lost) > len(material.ITEMS) + 1
    assert store.read(epoch) == Known(MINE)


@pytest.mark.parametrize("lost_from", range(len(material.ITEMS)))
def test_a_run_that_ends_after_any_item_is_finished_by_storing_again(
    client: Any, store: PkiStore, epoch: int, key_arn: str, lost_from: int
) -> None:
    lose_replies(client, "PutParameter", lost_from, lost_from)
    refuse(client, "GetParameter", "InternalServerError")
    assert isinstance(store.store(epoch, MINE), Unknown)
    later = PkiStore(connect(client.meta.endpoint_url, client.meta.region_name, tries=1), PREFIX, key_arn, {})
    assert later.store(epoch, MINE) == Done()
    assert later.read(epoch) == Known(MINE)


@pytest.mark.parametrize("code", ["InternalServerError", "AccessDeniedException"])
def test_a_failed_write_is_unknown_and_never_done(client: Any, store: PkiStore, epoch: int, code: str) -> None:
    refuse(client, "PutParameter", code)
    assert store.store(epoch, MINE) == Unknown(f"PutParameter {PREFIX}/{epoch}/ca: {code}", code)


def test_a_throttled_write_says_so(client: Any, store: PkiStore, epoch: int) -> None:
    refuse(client, "PutParameter", "ThrottlingException")
    assert isinstance(store.store(epoch, MINE), Throttled)


def test_a_refused_write_whose_item_cannot_be_read_is_unknown(client: Any, store: PkiStore, epoch: int) -> None:
    store.store(epoch, THEIRS)
    refuse(client, "GetParameter", "InternalServerError")
    outcome = store.store(epoch, MINE)
    assert isinstance(outcome, Unknown)
    assert "ParameterAlreadyExists; then GetParameter: InternalServerError" in outcome.reason


def test_what_aws_quotes_of_a_value_is_in_no_outcome(client: Any, store: PkiStore, epoch: int) -> None:
    refuse(client, "PutParameter", "ValidationException", f"Value '{material.items(MINE)['ca']}' failed")
    outcome = store.store(epoch, MINE)
    assert leaks(pki_secrets(MINE), texts(outcome=repr(outcome))) == []


def test_a_failed_read_is_unknown_and_never_empty(client: Any, store: PkiStore, epoch: int) -> None:
    refuse(client, "GetParameters", "InternalServerError")
    said = "GetParameters: InternalServerError: as the test wants it"
    assert store.read(epoch) == Unknown(said, "InternalServerError")


def test_an_epoch_without_keys_is_incomplete_and_names_what_is_missing(store: PkiStore, epoch: int) -> None:
    assert store.read(epoch) == Incomplete(f"keys of epoch {epoch}: ca is missing")


def test_a_set_that_lacks_its_last_item_is_incomplete(client: Any, store: PkiStore, epoch: int) -> None:
    store.store(epoch, MINE)
    client.delete_parameter(Name=f"{PREFIX}/{epoch}/encryption")
    assert store.read(epoch) == Incomplete(f"keys of epoch {epoch}: encryption is missing")
