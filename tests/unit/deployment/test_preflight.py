"""Preflight over the committed templates, in moto's account."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from deployment import cli, preflight, templates
from deployment.aws import Account
from deployment.preflight import plan
from deployment.preflight.aim import Aim
from deployment.preflight.finding import Finding, State
from deployment.refusal import Refusal
from tests.unit.deployment.fakes import Paginator
from tests.unit.deployment.quota_lists import Quotas

ROOT = Path(__file__).parents[3] / "templates" / "root.json"
REGION = "eu-central-1"
# One of the images that moto ships, for x86_64.
IMAGE = "ami-076f415166b04f5fe"
STACK = "holdfast"
ZONES = f"{REGION}a,{REGION}b,{REGION}c"
ABSENT = "ami-0123456789abcdef0"


@pytest.fixture
def given(account: Account, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    allow(account, monkeypatch, 1000)
    return {"AvailabilityZones": ZONES, "ControlPlaneImage": IMAGE, "WorkerImage": IMAGE}


def check(account: Account, given: dict[str, str]) -> list[Finding]:
    return preflight.findings(account, ROOT, given, REGION, STACK)[1]


def about(found: list[Finding], subject: str) -> list[State]:
    states = [finding.state for finding in found if finding.subject.startswith(subject)]
    assert states, f"nothing was said about {subject}"
    return states


def allow(account: Account, monkeypatch: pytest.MonkeyPatch, value: int) -> None:
    # moto knows no quotas of most services that a cluster counts against.
    monkeypatch.setattr(account.client("service-quotas"), "get_paginator", Quotas(value).get_paginator)


def refuse(account: Account, monkeypatch: pytest.MonkeyPatch, service: str, operation: str) -> None:
    """The operation is not allowed, whichever way it is called."""
    client = account.client(service)
    error = ClientError({"Error": {"Code": "AccessDenied", "Message": "not allowed"}}, operation)

    def refused(**_: Any) -> Iterator[None]:
        raise error

    class Refused:
        paginate = staticmethod(refused)

    plain = client.get_paginator
    monkeypatch.setattr(client, "get_paginator", lambda name: Refused() if name == operation else plain(name))
    monkeypatch.setattr(client, operation, refused)


def test_the_plan_holds_what_the_templates_and_parameters_ask_for() -> None:
    images = {"ControlPlaneImage": "ami-01234567", "WorkerImage": "ami-89abcdef"}
    wanted = plan.read(templates.tree(ROOT), {"AvailabilityZones": ZONES, **images, "GeneralMinSize": "4"}, REGION)
    assert (wanted.creates, wanted.vpcs, wanted.load_balancers, wanted.security_groups) == (True, 1, 1, 4)
    assert [
        (machines.image, machines.smallest, machines.rolled, machines.largest, machines.tenancy)
        for machines in wanted.machines
    ] == [("ami-01234567", 3, 3, 3, "dedicated"), ("ami-89abcdef", 4, 1, 10, "dedicated")]
    assert [machines.volumes for machines in wanted.machines] == [
        (("/dev/xvda", 50), ("/dev/sdb", 20)),
        (("/dev/xvda", 100),),
    ]
    assert f"com.amazonaws.{REGION}.ssm" in wanted.interface_endpoints
    assert wanted.gateway_endpoints == (f"com.amazonaws.{REGION}.dynamodb", f"com.amazonaws.{REGION}.s3")
    made = {name.rpartition(f".{REGION}.")[2] for name in (*wanted.interface_endpoints, *wanted.gateway_endpoints)}
    assert set(wanted.node_services) == made


def test_a_plan_without_images_is_refused_by_their_names() -> None:
    with pytest.raises(Refusal, match="ControlPlaneImage, WorkerImage"):
        plan.read(templates.tree(ROOT), {"AvailabilityZones": ZONES}, REGION)


def test_wrong_values_are_refused_before_anything_is_asked_for(given: dict[str, str]) -> None:
    wrong = given | {"GeneralMaxSize": "2", "AvailabilityZones": f"{REGION}a,{REGION}a,{REGION}b"}
    with pytest.raises(Refusal) as refused:
        plan.read(templates.tree(ROOT), wrong, REGION)
    assert [line.partition(":")[0] for line in str(refused.value).splitlines()] == [
        "AvailabilityZones",
        "GeneralMaxSize",
    ]


def deployed(
    account: Account, monkeypatch: pytest.MonkeyPatch, values: dict[str, str], status: str = "UPDATE_COMPLETE"
) -> None:
    """The stack is there, with these parameters."""
    body = {
        "StackId": f"arn:aws:cloudformation:{REGION}:123456789012:stack/{STACK}/1",
        "StackName": STACK,
        "StackStatus": status,
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()],
        "Outputs": [{"OutputKey": "ClusterUuid", "OutputValue": "1"}],
    }
    root = {"TemplateBody": templates.load(ROOT, "")}
    cloudformation = account.client("cloudformation")
    monkeypatch.setattr(cloudformation, "describe_stacks", lambda **_: {"Stacks": [body]})
    monkeypatch.setattr(cloudformation, "get_template", lambda **_: root)
    monkeypatch.setattr(cloudformation, "get_paginator", lambda _: Paginator([{"StackResourceSummaries": []}]))


def test_sizes_are_judged_beside_those_that_the_stack_keeps_and_not_beside_the_defaults(
    account: Account, given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = given | {"GeneralMinSize": "20", "GeneralMaxSize": "40"}
    deployed(account, monkeypatch, kept)
    check(account, {"GeneralMaxSize": "30"})
    check(account, {"GeneralMinSize": "30"})
    with pytest.raises(
        Refusal, match=r"^GeneralMaxSize: given 12; allowed: 21 to 252, more than GeneralMinSize \(20\)"
    ):
        check(account, {"GeneralMaxSize": "12"})


def test_an_update_keeps_the_images_and_zones_that_it_does_not_name(
    account: Account, given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(account, monkeypatch, given | {"NoLonger": "there"})
    found = check(account, {"WorkerImage": ABSENT})
    assert State.FAILED not in about(found, f"image {IMAGE}")
    assert about(found, f"image {ABSENT}") == [State.FAILED]
    assert about(found, "zone ") == [State.OK] * 3


@pytest.mark.parametrize("status", ["DELETE_COMPLETE", "ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"])
def test_a_stack_of_which_only_the_name_is_left_keeps_nothing(
    account: Account, given: dict[str, str], monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    deployed(account, monkeypatch, given, status)
    with pytest.raises(Refusal, match="a value is needed for ControlPlaneImage, WorkerImage, AvailabilityZones"):
        check(account, {})


def needed(found: list[Finding]) -> dict[str, str]:
    """What is needed of each quota, by its subject."""
    return {each.subject: each.detail.partition(";")[0] for each in found if each.topic.value == "quotas"}


VCPUS = "vCPUs: Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"


def test_a_creation_counts_the_update_that_comes_after_it(account: Account, given: dict[str, str]) -> None:
    # Three control planes and two workers of two vCPUs; then a second for each slot, and a batch of one.
    assert needed(check(account, given)) == {
        "VPCs": "1 needed",
        "interface endpoints of a VPC": "8 needed",
        "gateway endpoints": "2 needed",
        "security groups": "4 needed",
        "rules of a security group": "15 needed",
        "Network Load Balancers": "1 needed",
        VCPUS: "10 needed, 8 more while an update rolls",
    }


def test_an_update_needs_no_second_network_but_machines_beside_those_that_run(
    account: Account, given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    types = {"ControlPlaneInstanceType": "m7i.large", "GeneralInstanceType": "m6i.large"}
    deployed(account, monkeypatch, given | types | {"GeneralMinSize": "9"})
    assert needed(check(account, {})) == {
        "rules of a security group": "15 needed",
        VCPUS: "0 needed, 8 more while an update rolls",
    }
    # Another family has a quota of its own, and all nodes go over to it.
    moved = needed(check(account, {"GeneralInstanceType": "g5.xlarge"}))
    assert moved["vCPUs: Running On-Demand G and VT instances"] == "36 needed, 4 more while an update rolls"


@pytest.mark.parametrize(("family", "state"), [("IPv4", State.OK), ("IPv6", State.FAILED)])
def test_a_prefix_list_of_clients_counts_as_many_rules_as_it_may_have_entries(
    account: Account, given: dict[str, str], family: str, state: State
) -> None:
    made = account.client("ec2").create_managed_prefix_list(PrefixListName="us", MaxEntries=50, AddressFamily=family)
    found = check(account, given | {"ApiClientPrefixListId": made["PrefixList"]["PrefixListId"]})
    assert about(found, "ApiClientPrefixListId") == [state]
    (rules,) = [each for each in found if each.subject == "rules of a security group"]
    assert rules.detail.startswith("15 needed; 50 of ")


def test_everything_that_exists_is_ok(account: Account, given: dict[str, str]) -> None:
    found = check(account, given)
    assert [finding for finding in found if finding.state in (State.FAILED, State.NOT_ASKED)] == []
    assert about(found, "zone ") == [State.OK] * 3
    assert preflight.exit_code(found) == 0


@pytest.mark.parametrize(
    ("changed", "subject", "words"),
    [
        ({"AvailabilityZones": f"{REGION}a,{REGION}b,{REGION}z"}, f"zone {REGION}z", "not available to this account"),
        ({"AvailabilityZones": f"{REGION}a,{REGION}b,euc1-az1"}, "zone euc1-az1", "in this account it is eu-central-1"),
        ({"WorkerImage": ABSENT}, f"image {ABSENT}", "does not exist in this region"),
        ({"WorkerImage": "ami-03cf127a"}, "image ami-03cf127a", "its root device is /dev/sda1"),
        ({"GeneralInstanceType": "m7g.large"}, "GeneralInstanceType m7g.large", "the type runs arm64"),
        ({"GeneralInstanceType": "m7i.larg"}, "GeneralInstanceType m7i.larg", "no instance type of this name"),
        ({"ControlPlaneInstanceType": "t3.small"}, "ControlPlaneInstanceType t3.small", "needs 4096 MiB"),
        ({"ControlPlaneInstanceType": "m3.medium"}, "ControlPlaneInstanceType m3.medium", "needs 2 vCPUs"),
        ({"GeneralInstanceType": "t2.large"}, "GeneralInstanceType t2.large", "never EBS-optimized"),
        ({"GeneralInstanceType": "t2.large"}, "GeneralInstanceType t2.large", "not launched as dedicated"),
        ({"GeneralInstanceType": "mac2.metal"}, "GeneralInstanceType mac2.metal", "macOS only"),
        (
            {"PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/no"},
            "PermissionsBoundaryArn",
            "no role can be made",
        ),
        (
            {"PermissionsBoundaryArn": "arn:aws:iam::210987654321:policy/no"},
            "PermissionsBoundaryArn",
            "another account",
        ),
        ({"S3PrefixListId": "pl-0", "DynamoDbPrefixListId": "pl-1"}, "S3PrefixListId", "does not exist in this region"),
        ({"ApiClientPrefixListId": "pl-0"}, "ApiClientPrefixListId", "pl-0 does not exist in"),
    ],
)
def test_what_is_not_as_it_has_to_be_has_failed(
    account: Account, given: dict[str, str], changed: dict[str, str], subject: str, words: str
) -> None:
    found = check(account, given | changed)
    told = [each.detail for each in found if each.subject.startswith(subject) and each.state is State.FAILED]
    assert [detail for detail in told if words in detail], told
    assert preflight.exit_code(found) == 1


def test_people_who_do_not_exist_are_a_warning_and_nobody_is_let_in_by_an_arn_of_another_path(
    account: Account, given: dict[str, str]
) -> None:
    iam = account.client("iam")
    iam.create_user(UserName="alice")
    document = '{"Version": "2012-10-17", "Statement": []}'
    iam.create_role(RoleName="ops", Path="/team/", AssumeRolePolicyDocument=document)
    start = "arn:aws:iam::123456789012"
    people = {
        "ViewerArns": f"{start}:user/alice,{start}:user/bob",
        "AdministratorArns": f"{start}:role/team/ops,{start}:role/ops",
        "KeyOperatorArns": f"{start}:role/nobody,arn:aws:iam::210987654321:role/x",
    }
    found = {each.subject: each for each in check(account, given | people) if each.topic.value == "identities"}
    assert {
        subject.removeprefix("ViewerArns ").removeprefix("AdministratorArns "): each.state
        for subject, each in found.items()
    } == {
        f"{start}:user/alice": State.OK,
        f"{start}:user/bob": State.WARNING,
        f"{start}:role/team/ops": State.OK,
        f"{start}:role/ops": State.WARNING,
        f"KeyOperatorArns {start}:role/nobody": State.WARNING,
        "KeyOperatorArns arn:aws:iam::210987654321:role/x": State.NOTE,
    }
    assert found[f"AdministratorArns {start}:role/ops"].remedy == f"use {start}:role/team/ops"
    assert preflight.exit_code([*found.values()]) == 0


def test_topics_of_alarms_are_asked_for_and_one_of_another_region_fails(
    account: Account, given: dict[str, str]
) -> None:
    pager = account.client("sns").create_topic(Name="pager")["TopicArn"]
    others = {
        pager.replace("pager", "nobody"): State.WARNING,
        "arn:aws:sns:eu-central-1:210987654321:shared": State.NOTE,
        "arn:aws:sns:us-west-2:123456789012:pager": State.FAILED,
    }
    found = check(account, given | {"AlarmTopicArns": ",".join([pager, *others])})
    told = {each.subject.removeprefix("AlarmTopicArns "): each.state for each in found if "Topic" in each.subject}
    assert told == {pager: State.OK, **others}
    six = check(account, given | {"AlarmTopicArns": ",".join(f"{pager}{number}" for number in range(6))})
    assert [each.detail for each in six if each.subject == "AlarmTopicArns"] == [
        "6 topics, and an alarm notifies 5 at most"
    ]


def test_a_service_linked_role_that_does_not_exist_yet_is_made_by_what_needs_it_first(
    account: Account, given: dict[str, str]
) -> None:
    found = {each.subject: each for each in check(account, given) if each.subject.startswith("role of ")}
    assert {subject: each.remedy.rpartition(" ")[2] for subject, each in found.items()} == {
        "role of Auto Scaling": "autoscaling.amazonaws.com",
        "role of Elastic Load Balancing": "elasticloadbalancing.amazonaws.com",
        "role of Route 53 Resolver": "route53resolver.amazonaws.com",
    }
    for finding in found.values():
        assert finding.state is State.NOTE
        assert "iam:CreateServiceLinkedRole" in finding.detail
        assert finding.remedy.startswith("aws iam create-service-linked-role")


def test_quotas_that_are_used_up_have_failed_each_with_what_raises_it(
    account: Account, given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(account, monkeypatch, 1)
    found = {each.subject: each for each in check(account, given) if each.topic.value == "quotas"}
    assert {subject for subject, each in found.items() if each.state is State.OK} == {"Network Load Balancers"}
    # The default VPC is one already.
    assert found["VPCs"].remedy.endswith("--service-code vpc --quota-code L-F678F1CE --desired-value 2")
    assert found[VCPUS].remedy.endswith("--quota-code L-1216C47A --desired-value 18")


def test_capacity_is_never_ok_because_a_dry_run_does_not_show_it(account: Account, given: dict[str, str]) -> None:
    tried = [finding for finding in check(account, given) if finding.subject.endswith("dry run")]
    assert len(tried) == 6
    assert {finding.state for finding in tried} == {State.NOTE}


def test_whoever_may_not_run_instances_is_told_that_it_was_not_tried(
    account: Account, given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(account, monkeypatch, "ec2", "run_instances")
    tried = [finding for finding in check(account, given) if finding.subject.endswith("dry run")]
    assert {finding.state for finding in tried} == {State.NOTE}
    assert all(finding.detail.startswith("not tried") for finding in tried)


@pytest.mark.parametrize(
    ("service", "operation", "subject"),
    [
        ("ec2", "describe_availability_zones", "zones"),
        ("ec2", "describe_vpc_endpoint_services", "endpoint services"),
        ("ec2", "describe_prefix_lists", "prefix lists"),
        ("ec2", "describe_images", "image "),
        ("ec2", "describe_instance_types", "GeneralInstanceType m7i.large"),
        ("ec2", "describe_instance_type_offerings", "GeneralInstanceType m7i.large"),
        ("ec2", "describe_instances", "quotas of ec2"),
        ("ec2", "describe_security_groups", "quotas of vpc"),
        ("elbv2", "describe_load_balancers", "quotas of elasticloadbalancing"),
        ("iam", "get_role", "role of Auto Scaling"),
        ("sts", "get_caller_identity", "credentials"),
        ("cloudformation", "describe_stacks", f"stack {STACK}"),
        ("service-quotas", "list_service_quotas", "quotas of vpc"),
        ("service-quotas", "list_aws_default_service_quotas", "quotas of ec2"),
    ],
)
def test_what_an_api_refuses_could_not_be_asked_and_is_no_success(
    account: Account, given: dict[str, str], monkeypatch: pytest.MonkeyPatch, service: str, operation: str, subject: str
) -> None:
    refuse(account, monkeypatch, service, operation)
    found = check(account, given)
    assert State.NOT_ASKED in about(found, subject)
    assert State.FAILED not in {finding.state for finding in found}
    assert preflight.exit_code(found) == 3
    (told,) = {finding.remedy for finding in found if finding.state is State.NOT_ASKED}
    assert told.startswith("docs/how-to/check-an-account.md")


def test_an_account_that_cannot_be_reached_could_not_be_asked_anything(
    account: Account, given: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def dead(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://sts.example")

    monkeypatch.setattr(account.client("sts"), "get_caller_identity", dead)
    found = check(account, given)
    assert [(finding.state, finding.subject) for finding in found] == [(State.NOT_ASKED, "credentials")]
    monkeypatch.setattr(preflight, "findings", lambda *_: (Aim(STACK), found))
    arguments = ["preflight", "--template", str(ROOT), "--region", REGION]
    assert cli.main(arguments) == 3
    assert capsys.readouterr().out.endswith("0 failed, 1 could-not-ask, 0 warning, 0 note, 0 ok\n")
