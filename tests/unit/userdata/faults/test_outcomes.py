"""How outcomes are sorted: by type and code. Their reasons are only shown."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordination.outcomes import NoTable, Throttled, Unknown
from tests.unit.userdata.secrecy import leaks
from userdata.etcd.refusals import EtcdRefused, Refusal, failure
from userdata.faults import aws, network
from userdata.faults.etcd import of_etcd
from userdata.faults.fault import Fault
from userdata.faults.outcomes import of_outcome
from userdata.host.network import UNTRUSTED
from userdata.kube.outcomes import Forbidden

PERMANENT = {
    "DisabledException": "the cluster's key cannot be used (DisabledException)",
    "KMSInvalidStateException": "the cluster's key cannot be used",
    "ParameterLimitExceeded": "SSM takes no further parameter (ParameterLimitExceeded)",
    UNTRUSTED: "the server at the API's name has a certificate of another CA",
}
TRANSIENT = {
    "AccessDeniedException": "AWS denies a call (AccessDeniedException)",
    "ProvisionedThroughputExceededException": "AWS throttles calls",
    "EndpointConnectionError": "a service of AWS cannot be reached (EndpointConnectionError)",
    "NoCredentialsError": "no valid credentials at this moment",
    "InternalServerError": "a service of AWS failed",
    "ParameterNotFound": "a parameter in SSM is not there",
    "gaierror": "a name does not resolve",
    "ConnectionRefusedError": "the other side did not answer",
    "no leader": "etcd has no leader, or no majority",
    "mvcc: database space exceeded": "etcd's database is full",
}


@pytest.mark.parametrize("code", PERMANENT)
def test_what_no_repetition_cures_is_permanent(code: str) -> None:
    fault = of_outcome(Unknown("", code))
    assert fault.permanent
    assert PERMANENT[code] in fault.reason


@pytest.mark.parametrize("code", TRANSIENT)
def test_what_may_pass_is_transient(code: str) -> None:
    fault = of_outcome(Unknown("", code))
    assert not fault.permanent
    assert TRANSIENT[code] in fault.reason


def test_a_table_that_does_not_exist_is_permanent_whatever_its_code() -> None:
    assert of_outcome(NoTable("")) == aws.NO_TABLE
    assert aws.NO_TABLE.permanent


@pytest.mark.parametrize("refusal", Refusal)
def test_every_refusal_of_etcd_passes_and_says_something(refusal: Refusal) -> None:
    fault = of_outcome(EtcdRefused(refusal))
    assert fault == of_etcd(refusal)
    assert not fault.permanent
    assert fault.reason


def test_what_etcd_leaves_open_is_known_by_its_words() -> None:
    said = {"message": "etcdserver: request timed out, possibly due to previous leader failure"}
    outcome = failure("member list", 503, said)
    assert not isinstance(outcome, EtcdRefused)
    assert "no majority that answers in time" in of_outcome(outcome).reason


def test_a_write_that_a_full_etcd_answers_may_have_been_carried_out() -> None:
    # It applies the write that finds the last room gone, and says this all the same.
    outcome = failure("put", 429, {"message": "etcdserver: mvcc: database space exceeded"})
    assert isinstance(outcome, Unknown)
    assert of_outcome(outcome).reason == "etcd's database is full"


def test_no_code_means_two_things() -> None:
    assert not set(aws.FAULTS) & set(network.FAULTS)


@pytest.mark.parametrize("fault", [*aws.FAULTS.values(), *network.FAULTS.values(), *map(of_etcd, Refusal)])
def test_a_human_gets_one_sentence_and_a_next_step(fault: Fault) -> None:
    assert "\n" not in fault.reason
    assert re.match(r"[A-Z].*\.$", fault.next_step), fault.next_step


def test_what_nobody_has_sorted_is_tried_again_and_shown_by_its_reason() -> None:
    for outcome in (Unknown("Scan: NewCode: what is this", "NewCode"), Throttled("PutItem: Odd"), Forbidden("no")):
        fault = of_outcome(outcome)
        assert (fault.permanent, fault.reason) == (False, outcome.reason)


def test_no_token_is_shown() -> None:
    fault = of_outcome(Unknown('could not use "abcdef.0123456789abcdef"'))
    assert leaks({"token": "0123456789abcdef"}, [("reason", fault.reason.encode())]) == []


@given(
    code=st.sampled_from(["", "NewCode", *PERMANENT, *TRANSIENT]),
    reason=st.text() | st.sampled_from(["the table does not exist", "GetItem: DisabledException: key/1 is disabled."]),
)
def test_words_never_change_whether_to_try_again(code: str, reason: str) -> None:
    assert of_outcome(Unknown(reason, code)).permanent == (code in PERMANENT)
