"""A check is for a new stack or for an update, and says which; what a deploy refuses, it refuses."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deployment import cli, clusters
from deployment.next_steps import Typed
from deployment.preflight import aim
from deployment.preflight.finding import Finding, State
from deployment.refusal import Refusal
from deployment.stacks import Stack
from deployment.templates import Body
from tests.unit.deployment import trees
from tests.unit.deployment.fakes import NESTED, ROOT
from tests.unit.project import rooms

ZONES = "us-east-1a,us-east-1b,us-east-1c"
TYPED = Typed(stack="holdfast", region="eu-central-1", config="a.yaml")


class Living:
    """CloudFormation with one root stack, whose nested stacks have templates by their logical ids."""

    def __init__(self, bodies: Mapping[str, Body], *, refused: str = "") -> None:
        self._bodies = bodies
        self._refused = refused

    def client(self, service: str) -> Living:
        assert service == "cloudformation"
        return self

    def get_template(self, StackName: str, TemplateStage: str) -> dict[str, Any]:
        self._refuse("GetTemplate")
        return {"TemplateBody": self._bodies["" if StackName == ROOT else StackName.rpartition("/")[2]]}

    def get_template_summary(self, StackName: str) -> dict[str, Any]:
        return {"ResourceTypes": ["AWS::SQS::Queue"]}

    def get_paginator(self, operation: str) -> Living:
        assert operation == "list_stack_resources"
        return self

    def paginate(self, StackName: str) -> Iterator[dict[str, Any]]:
        assert StackName == ROOT
        for name in self._bodies:
            resource = {"LogicalResourceId": name, "ResourceType": "AWS::CloudFormation::Stack"}
            yield {"StackResourceSummaries": [resource | {"PhysicalResourceId": f"{NESTED}/{name}"}]}
        # A resource of which nothing was made yet has no id.
        yield {"StackResourceSummaries": [{"LogicalResourceId": "Iam", "ResourceType": "AWS::CloudFormation::Stack"}]}

    def _refuse(self, operation: str) -> None:
        if operation == self._refused:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)


def stack(status: str = "UPDATE_COMPLETE", *, uuid: str = ROOT.rpartition("/")[2], root: str = "") -> Stack:
    outputs = (("ClusterUuid", uuid),)
    return Stack(ROOT, "holdfast", status, parameters={"AvailabilityZones": ZONES}, outputs=outputs, root_id=root)


def check(
    existing: Stack | None, wanted: Mapping[str, Body], living: Living | None = None, **given: str
) -> list[Finding]:
    found = living or Living(trees.example("default"))
    return aim.check(found, existing, wanted, given, TYPED)


def refused(existing: Stack, wanted: Mapping[str, Body], living: Living | None = None, **given: str) -> str:
    with pytest.raises(Refusal) as caught:
        check(existing, wanted, living, **given)
    (line,) = str(caught.value).splitlines()
    return line


def changed(layer: str, resource: str, name: str, value: str) -> dict[str, Body]:
    bodies = copy.deepcopy(trees.example("default"))
    bodies[layer]["Resources"][resource]["Properties"][name] = value
    return bodies


@pytest.mark.parametrize(
    ("existing", "line"),
    [
        (None, "for a new stack mine"),
        (stack("DELETE_COMPLETE"), "for a new stack mine"),
        (stack("ROLLBACK_COMPLETE"), "for a new stack holdfast"),
        (stack(), "for an update of holdfast (UPDATE_COMPLETE), whose values are kept"),
    ],
)
def test_the_line_says_what_the_check_is_for(existing: Stack | None, line: str) -> None:
    assert aim.of("mine", existing).line == line


def test_the_templates_of_the_stack_itself_are_accepted_and_a_note_says_what_only_a_change_set_tells() -> None:
    assert check(None, trees.example("default")) == []
    ok, note = check(stack(), trees.example("default"), AvailabilityZones=ZONES)
    assert (ok.state, ok.detail) == (State.OK, "UPDATE_COMPLETE")
    assert (note.state, note.remedy) == (
        State.NOTE,
        "once it is packaged: make diff STACK=holdfast CONFIG=a.yaml REGION=eu-central-1",
    )


def test_a_stack_that_is_no_cluster_is_refused_and_so_is_one_that_is_nested_or_another_cluster() -> None:
    ours = trees.example("default")
    assert "is no cluster of this project" in refused(stack(uuid="another"), ours)
    nested = Stack(NESTED, "holdfast-Network-X", "UPDATE_COMPLETE", root_id=ROOT)
    step = "make preflight STACK=holdfast CONFIG=CONFIGURATION.yaml REGION=eu-central-1"
    assert refused(nested, ours).endswith(f": {step}")
    other = refused(stack(), trees.example("production"))
    assert "the stack holdfast is the cluster holdfast, and these templates are of the cluster " in other
    assert other.endswith("make preflight STACK=holdfast OUT=ITS_FOLDER REGION=eu-central-1")


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        (changed("Network", "Vpc", "CidrBlock", "10.9.0.0/16"), "network.vpcCidr: 10.0.0.0/16 → 10.9.0.0/16"),
        (changed("Services", "PodCidrSetting", "Value", "100.96.0.0/16"), "kubernetes.podCidr: 100.64.0.0/16 → "),
        (changed("Services", "ControlPlaneSlotsSetting", "Value", "5"), "controlPlane.slots: 3 → 5"),
    ],
)
def test_what_never_changes_is_read_from_the_templates_of_the_stack(wanted: dict[str, Body], line: str) -> None:
    assert line in refused(stack(), wanted)


def test_a_network_that_is_made_never_becomes_a_given_one() -> None:
    wanted = copy.deepcopy(trees.example("default"))
    del wanted["Network"]["Resources"]["Vpc"]
    assert "network.vpc: create → given" in refused(stack(), wanted)


def test_zones_keep_their_places() -> None:
    assert "AvailabilityZones: us-east-1a," in refused(
        stack(), trees.example("default"), AvailabilityZones="us-east-1b,us-east-1a,us-east-1c"
    )


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_FAILED", "UPDATE_IN_PROGRESS", "ROLLBACK_COMPLETE"])
def test_a_stack_that_cannot_be_updated_has_failed(status: str) -> None:
    first = check(stack(status), trees.example("default"))[0]
    assert (first.state, first.subject) == (State.FAILED, "stack holdfast")
    assert first.detail.startswith(f"holdfast is {status}")


def test_templates_that_nobody_may_read_are_no_answer() -> None:
    (told,) = check(stack(), trees.example("default"), Living({}, refused="GetTemplate"))
    assert (told.state, told.detail) == (State.NOT_ASKED, "GetTemplate: AccessDenied: no")


def test_templates_for_another_partition_than_the_account_is_in_are_refused() -> None:
    root: Body = {"Metadata": {"Holdfast": {"Cluster": "a", "Partition": "aws-cn"}}, "Resources": {}}
    clusters.refuse_other_partition(root, "arn:aws-cn:iam::123456789012:user/a", TYPED)
    with pytest.raises(Refusal) as caught:
        clusters.refuse_other_partition(root, "arn:aws:sts::123456789012:assumed-role/a/b", TYPED)
    assert str(caught.value) == (
        "these templates are for the partition aws-cn, and the account is in aws: let the configuration say "
        "partition: aws, and make them anew: make templates CONFIG=a.yaml"
    )
    del root["Metadata"]["Holdfast"]["Partition"]
    clusters.refuse_other_partition(root, "arn:aws:iam::123456789012:user/a", TYPED)


def test_templates_say_for_which_partition_they_are() -> None:
    bodies = trees.of((rooms.ROOT / "examples" / "china.yaml").read_text(encoding="utf-8"))
    assert bodies[""]["Metadata"]["Holdfast"]["Partition"] == "aws-cn"


@pytest.mark.parametrize("command", ["preflight", "deploy", "diff", "status", "delete"])
@pytest.mark.parametrize("name", ["my_cluster", "1st", "a" * 129, "a b"])
def test_a_name_that_no_stack_can_have_is_one_line_and_nothing_is_asked(
    command: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([command, "--stack", name]) == cli.BAD_INPUT
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f'STACK: given "{name}"; allowed: ')
