"""Preflight over the committed templates, in moto's account."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deployment import preflight, templates
from deployment.aws import Account
from deployment.preflight import plan
from deployment.preflight.finding import Finding, State
from deployment.refusal import Refusal

ROOT = Path(__file__).parents[3] / "templates" / "root.json"
REGION = "eu-central-1"
# One of the images that moto ships, for x86_64.
IMAGE = "ami-03cf127a"
STACK = "holdfast"
ZONES = f"{REGION}a,{REGION}b,{REGION}c"


@pytest.fixture
def given(account: Account, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    # moto knows no quotas of the services that a cluster counts against.
    allow(account, monkeypatch, 1000)
    return {"AvailabilityZones": ZONES, "ControlPlaneImage": IMAGE, "WorkerImage": IMAGE}


def check(account: Account, given: dict[str, str]) -> list[Finding]:
    return preflight.findings(account, ROOT, given, REGION, STACK)


def about(found: list[Finding], subject: str) -> list[State]:
    states = [finding.state for finding in found if finding.subject.startswith(subject)]
    assert states, f"nothing was said about {subject}"
    return states


def allow(account: Account, monkeypatch: pytest.MonkeyPatch, quota: int) -> None:
    answer = {"Quota": {"Value": float(quota)}}
    monkeypatch.setattr(account.client("service-quotas"), "get_service_quota", lambda **_: answer)


def refuse(account: Account, monkeypatch: pytest.MonkeyPatch, service: str, operation: str) -> None:
    def refused(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not allowed"}}, operation)

    monkeypatch.setattr(account.client(service), operation, refused)


def test_the_plan_holds_what_the_templates_and_parameters_ask_for() -> None:
    images = {"ControlPlaneImage": "ami-01234567", "WorkerImage": "ami-89abcdef"}
    wanted = plan.read(templates.tree(ROOT), {"AvailabilityZones": ZONES, **images, "GeneralMinSize": "4"}, REGION)
    assert (wanted.zones_needed, wanted.vpcs, wanted.load_balancers) == (3, 1, 1)
    assert [(machines.image, machines.count, machines.tenancy) for machines in wanted.machines] == [
        ("ami-01234567", 3, "dedicated"),
        ("ami-89abcdef", 4, "dedicated"),
    ]
    assert f"com.amazonaws.{REGION}.ssm" in wanted.interface_endpoints
    assert wanted.gateway_endpoints == (f"com.amazonaws.{REGION}.dynamodb", f"com.amazonaws.{REGION}.s3")


def test_a_plan_without_images_is_refused_by_their_names() -> None:
    with pytest.raises(Refusal, match="ControlPlaneImage, WorkerImage"):
        plan.read(templates.tree(ROOT), {"AvailabilityZones": ZONES}, REGION)


def test_a_pool_without_room_for_an_update_is_refused_by_the_name_of_its_parameter() -> None:
    given = {
        "AvailabilityZones": ZONES,
        "ControlPlaneImage": "ami-01234567",
        "WorkerImage": "ami-89abcdef",
        "GeneralMaxSize": "2",
    }
    with pytest.raises(Refusal, match=r"^GeneralMaxSize: given 2; allowed: 3 to 1000, more than GeneralMinSize \(2\)"):
        plan.read(templates.tree(ROOT), given, REGION)


def deployed(
    account: Account, monkeypatch: pytest.MonkeyPatch, values: dict[str, str], status: str = "UPDATE_COMPLETE"
) -> None:
    """The stack is there, with these parameters."""
    body = {
        "StackId": f"arn:aws:cloudformation:{REGION}:123456789012:stack/{STACK}/1",
        "StackName": STACK,
        "StackStatus": status,
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()],
    }
    monkeypatch.setattr(account.client("cloudformation"), "describe_stacks", lambda **_: {"Stacks": [body]})


def test_sizes_are_judged_beside_those_that_the_stack_keeps_and_not_beside_the_defaults(
    account: Account, given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = given | {"GeneralMinSize": "20", "GeneralMaxSize": "40"}
    deployed(account, monkeypatch, kept)
    check(account, {"GeneralMaxSize": "30"})
    check(account, {"GeneralMinSize": "30"})
    with pytest.raises(
        Refusal, match=r"^GeneralMaxSize: given 12; allowed: 21 to 1000, more than GeneralMinSize \(20\)"
    ):
        check(account, {"GeneralMaxSize": "12"})


def test_an_update_keeps_the_images_and_zones_that_it_does_not_name(
    account: Account, given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(account, monkeypatch, given | {"NoLonger": "there"})
    found = check(account, {"WorkerImage": "ami-0123456789abcdef0"})
    assert about(found, f"image {IMAGE}") == [State.OK]
    assert about(found, "image ami-0123456789abcdef0") == [State.MISSING]
    assert about(found, "zone ") == [State.OK] * 3


@pytest.mark.parametrize("status", ["DELETE_COMPLETE", "ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"])
def test_a_stack_of_which_only_the_name_is_left_keeps_nothing(
    account: Account, given: dict[str, str], monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    deployed(account, monkeypatch, given, status)
    with pytest.raises(Refusal, match="a value is needed for ControlPlaneImage, WorkerImage, AvailabilityZones"):
        check(account, {})


def test_an_update_needs_no_second_network_but_machines_beside_those_that_run(
    account: Account, given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(account, monkeypatch, 1)
    deployed(account, monkeypatch, given | {"GeneralMinSize": "9"})
    quotas = {each.subject: each.detail for each in check(account, {}) if each.subject.startswith("quota: ")}
    # Three control planes and a batch of one worker, of two vCPUs each.
    assert {subject: detail.partition(",")[0] for subject, detail in quotas.items()} == {
        "quota: vCPUs of running standard instances": "8 needed"
    }


def test_whoever_may_not_ask_for_the_stack_is_told_so(
    account: Account, given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(account, monkeypatch, "cloudformation", "describe_stacks")
    with pytest.raises(ClientError, match="AccessDenied"):
        check(account, given)


def test_zones_and_images_that_exist_are_ok(account: Account, given: dict[str, str]) -> None:
    found = check(account, given)
    assert about(found, "zone ") == [State.OK] * 3
    assert set(about(found, "image ")) == {State.OK}


def test_a_zone_that_the_region_lacks_is_missing(account: Account, given: dict[str, str]) -> None:
    found = check(account, given | {"AvailabilityZones": f"{REGION}a,{REGION}b,{REGION}z"})
    assert about(found, f"zone {REGION}z") == [State.MISSING]


def test_one_zone_named_twice_is_not_enough(account: Account, given: dict[str, str]) -> None:
    with pytest.raises(Refusal, match=f"each one once, and not {REGION}a twice"):
        check(account, given | {"AvailabilityZones": f"{REGION}a,{REGION}a,{REGION}b"})


def test_an_image_that_does_not_exist_is_missing(account: Account, given: dict[str, str]) -> None:
    found = check(account, given | {"WorkerImage": "ami-0123456789abcdef0"})
    assert about(found, "image ami-0123456789abcdef0") == [State.MISSING]


def test_an_image_of_another_architecture_than_the_instance_type_is_missing(
    account: Account, given: dict[str, str]
) -> None:
    found = check(account, given | {"GeneralInstanceType": "m7g.large"})
    assert State.MISSING in about(found, "architecture of")


def test_a_scaling_role_that_does_not_exist_yet_is_made_by_the_first_group_and_not_missing(
    account: Account, given: dict[str, str]
) -> None:
    (finding,) = [each for each in check(account, given) if each.subject == "role of Auto Scaling"]
    assert finding.state is State.OK
    assert "does not exist yet" in finding.detail
    assert "iam:CreateServiceLinkedRole" in finding.detail


def test_a_quota_that_is_used_up_is_missing(
    account: Account, given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(account, monkeypatch, 1)
    # The default VPC is one already.
    assert about(check(account, given), "quota: VPCs") == [State.MISSING]


def test_capacity_is_never_ok_because_a_dry_run_does_not_show_it(account: Account, given: dict[str, str]) -> None:
    states = [finding.state for finding in check(account, given) if finding.subject.endswith("dry run")]
    assert set(states) == {State.UNKNOWN}


@pytest.mark.parametrize(
    ("service", "operation", "subject"),
    [
        ("ec2", "describe_availability_zones", "zones"),
        ("ec2", "describe_images", "image "),
        ("iam", "get_role", "role of Auto Scaling"),
        ("sts", "get_caller_identity", "credentials"),
        ("service-quotas", "get_service_quota", "quota: VPCs"),
        ("ec2", "run_instances", "ControlPlaneInstanceType m7i.large in eu-central-1a, dry run"),
    ],
)
def test_an_api_that_refuses_leaves_its_subject_unknown(
    account: Account, given: dict[str, str], monkeypatch: pytest.MonkeyPatch, service: str, operation: str, subject: str
) -> None:
    refuse(account, monkeypatch, service, operation)
    assert set(about(check(account, given), subject)) == {State.UNKNOWN}


@pytest.mark.parametrize(
    ("states", "good"), [([State.OK, State.UNKNOWN], True), ([State.OK, State.MISSING], False)], ids=str
)
def test_only_what_is_missing_fails_the_preflight(states: list[State], good: bool) -> None:
    found = [Finding(state, "subject", "detail") for state in states]
    said: list[str] = []
    assert preflight.tell(found, as_json=False, say=said.append) is good
    assert len(said) == len(found) + 1
