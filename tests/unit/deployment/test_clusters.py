"""Which stacks are taken for clusters, and which templates for a cluster's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from coordination.names import TEARDOWN_RESOURCE_TYPE
from deployment import clusters, deploy, digests, identity
from deployment.aws import Account
from deployment.change_sets import Order
from deployment.next_steps import Typed
from deployment.refusal import Refusal
from deployment.stacks import Stack
from tests.unit.deployment.fakes import NESTED, ROOT

UUID = ROOT.rsplit("/", 1)[1]
TYPED = Typed(stack="prod", region="eu-central-1", out="templates-dev", bucket="mine")
AGAIN = "make package BUCKET=mine OUT=ITS_FOLDER REGION=eu-central-1"

COMMANDS: dict[str, Callable[[Account, Order], bool]] = {
    "deploy": partial(deploy.deploy, rollback=False),
    "diff": deploy.diff,
}


def ours(name: str, **more: Any) -> dict[str, Any]:
    return {"Metadata": {"Holdfast": {"Cluster": name, "ConfigurationDigest": "a1"}}, "Resources": {}} | more


class Script:
    """CloudFormation that knows templates, by stack, and counts nothing."""

    def __init__(self, summary: dict[str, Any] | None = None, **templates: dict[str, Any]) -> None:
        self._summary = summary
        self._templates = templates

    def get_template_summary(self, StackName: str) -> dict[str, Any]:
        assert self._summary is not None, "the outputs said enough"
        return self._summary

    def get_template(self, StackName: str, TemplateStage: str) -> dict[str, Any]:
        return {"TemplateBody": self._templates["root" if StackName == ROOT else "services"]}

    def describe_stack_resource(self, StackName: str, LogicalResourceId: str) -> dict[str, Any]:
        assert (StackName, LogicalResourceId) == (ROOT, "Services")
        return {"StackResourceDetail": {"PhysicalResourceId": NESTED}}


def stack(status: str = "CREATE_COMPLETE", *outputs: tuple[str, str], root: str = "") -> Stack:
    return Stack(ROOT, "prod", status, outputs=outputs, root_id=root)


@pytest.mark.parametrize(
    ("found", "summary"),
    [
        (stack("CREATE_COMPLETE", ("ClusterUuid", UUID)), None),
        (stack("REVIEW_IN_PROGRESS"), None),
        (stack("ROLLBACK_COMPLETE"), {"ResourceTypes": [TEARDOWN_RESOURCE_TYPE]}),
        (stack("CREATE_FAILED"), {"ResourceTypes": [], "Metadata": json.dumps({"Holdfast": {"Cluster": "a"}})}),
    ],
    ids=["complete", "nothing yet", "of an older version", "says it in Metadata"],
)
def test_a_cluster_is_known_by_its_output_or_before_there_is_one_by_its_template(
    found: Stack, summary: dict[str, Any] | None
) -> None:
    clusters.refuse_foreign(Script(summary), found)


@pytest.mark.parametrize(
    ("found", "summary"),
    [
        (stack("CREATE_COMPLETE", ("Url", "https://payroll")), None),
        (stack("CREATE_COMPLETE", ("ClusterUuid", "0f1e2d3c-0000-4000-8000-00000000ffff")), None),
        (stack("ROLLBACK_COMPLETE"), {"ResourceTypes": ["AWS::SQS::Queue"]}),
        (stack("CREATE_COMPLETE"), {"ResourceTypes": [], "Metadata": json.dumps({"Team": "payroll"})}),
    ],
    ids=["another's outputs", "another's uuid", "another's template", "another's Metadata"],
)
def test_any_other_stack_is_refused_in_one_line(found: Stack, summary: dict[str, Any] | None) -> None:
    with pytest.raises(Refusal) as caught:
        clusters.refuse_foreign(Script(summary), found)
    assert str(caught.value) == "the stack prod is no cluster of this project: it has no output ClusterUuid"


@pytest.mark.parametrize("target", ["deploy", "delete", "status", "kubeconfig"])
def test_a_nested_stack_is_refused_with_the_same_command_for_its_root(target: str) -> None:
    with pytest.raises(Refusal) as caught:
        clusters.refuse_nested(Stack(NESTED, "holdfast-Network-X", "CREATE_COMPLETE", root_id=ROOT), target)
    # Only the person knows of which configuration a deploy is to be.
    of = "CONFIG=CONFIGURATION.yaml " if target == "deploy" else ""
    assert str(caught.value).endswith(f": make {target} STACK=holdfast {of}REGION=eu-central-1")
    clusters.refuse_nested(stack(root=ROOT), target)


def test_a_nested_stack_is_refused_with_what_was_typed_for_it() -> None:
    typed = Typed(stack="holdfast-Network-X", region="eu-central-1", config="my.yaml", parameters="p.json")
    with pytest.raises(Refusal, match=r": make diff STACK=holdfast PARAMS=p.json CONFIG=my.yaml REGION=eu-central-1$"):
        clusters.refuse_nested(Stack(NESTED, typed.stack, "CREATE_COMPLETE", root_id=ROOT), "diff", typed)


def test_templates_of_another_cluster_are_refused_with_both_names() -> None:
    living = Script(root=ours("production"))
    clusters.refuse_other_cluster(living, stack(), ours("production"), TYPED)
    with pytest.raises(Refusal) as caught:
        clusters.refuse_other_cluster(living, stack(), ours("dev"), TYPED)
    line = str(caught.value)
    assert "the stack prod is the cluster production, and these templates are of the cluster dev" in line
    assert line.endswith(f"take those of production: {AGAIN}")


def test_a_cluster_of_an_older_version_is_known_by_its_setting() -> None:
    setting = {"Type": "AWS::SSM::Parameter", "Properties": {"Value": "production"}}
    living = Script(
        root={"Resources": {"Services": {"Type": "AWS::CloudFormation::Stack"}}},
        services={"Resources": {"ClusterNameSetting": setting}},
    )
    clusters.refuse_other_cluster(living, stack(), ours("production"), TYPED)
    with pytest.raises(Refusal, match="is the cluster production, and these templates are of the cluster dev"):
        clusters.refuse_other_cluster(living, stack(), ours("dev"), TYPED)


def test_what_says_of_no_cluster_is_refused() -> None:
    with pytest.raises(Refusal, match="the root template does not say of which cluster it is"):
        clusters.refuse_other_cluster(Script(root=ours("a")), stack(), {"Resources": {}}, TYPED)
    with pytest.raises(Refusal, match="does not say which cluster it is: it has no ClusterNameSetting"):
        clusters.refuse_other_cluster(Script(root={"Resources": {}}), stack(), ours("a"), TYPED)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_stack_is_made_of_templates_for_another_partition(account: Account, tmp_path: Path, command: str) -> None:
    root = tmp_path / "root.json"
    root.write_text(json.dumps({"Metadata": {"Holdfast": {"Cluster": "a", "Partition": "aws-cn"}}, "Resources": {}}))
    digests.beside(root).write_text('{"templates": {}, "code": {}}')
    order = Order(stack="prod", template=root, given={}, tags=[], bucket=None, role="", typed=TYPED)
    with pytest.raises(Refusal, match="for the partition aws-cn, and the account is in aws: "):
        COMMANDS[command](account, order)
    assert account.client("cloudformation").describe_stacks()["Stacks"] == []


def test_what_made_a_template_is_no_part_of_what_it_means() -> None:
    one, two = ours("a"), identity.with_commit(ours("a"), "abc-dirty")
    assert digests.meaning(json.dumps(one)) == digests.meaning(json.dumps(two))
    assert digests.meaning(json.dumps(one)) == digests.meaning(json.dumps({"Resources": {}}))
    other = ours("a", Metadata={"Holdfast": {"Cluster": "a"}, "AWS::CloudFormation::Interface": {}})
    assert digests.meaning(json.dumps(one)) != digests.meaning(json.dumps(other))
