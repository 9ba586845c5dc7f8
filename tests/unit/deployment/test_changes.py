"""Change sets as a person reads them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployment import changes
from deployment.changes import Change
from deployment.refusal import Refusal
from generator.config.model import ClusterConfig
from generator.root import templates


class ChangeSets:
    """DescribeChangeSet over prepared answers: change set -> pages."""

    def __init__(self, **answers: list[dict[str, Any]]) -> None:
        self._answers = answers

    def describe_change_set(
        self, ChangeSetName: str, NextToken: str = "0", IncludePropertyValues: bool = False
    ) -> dict[str, Any]:
        pages = self._answers[ChangeSetName]
        at = int(NextToken)
        more = {"NextToken": str(at + 1)} if at + 1 < len(pages) else {}
        return {"Status": "CREATE_COMPLETE"} | pages[at] | more


def resource(name: str, kind: str, action: str = "Modify", **more: Any) -> dict[str, Any]:
    return {"ResourceChange": {"LogicalResourceId": name, "ResourceType": kind, "Action": action, **more}}


def detail(name: str) -> dict[str, Any]:
    return {"Target": {"Attribute": "Properties", "Name": name}}


NESTED = resource("Database", "AWS::CloudFormation::Stack", ChangeSetId="nested", Replacement="False")
TABLE = resource(
    "Table", "AWS::DynamoDB::Table", Replacement="True", Details=[detail("KeySchema"), detail("KeySchema")]
)


def test_a_nested_change_is_told_by_its_path_instead_of_the_stack_that_holds_it() -> None:
    sets = ChangeSets(root=[{"Changes": [NESTED]}], nested=[{"Changes": [TABLE]}])
    assert [change.line for change in changes.read(sets, "root")] == [
        "Modify   Database/Table (AWS::DynamoDB::Table): KeySchema  REPLACED"
    ]


def test_changes_beyond_the_first_page_are_read() -> None:
    sets = ChangeSets(root=[{"Changes": [NESTED]}, {"Changes": [TABLE]}], nested=[{"Changes": []}])
    assert [change.path for change in changes.read(sets, "root")] == ["Table"]


def test_a_replacement_that_only_may_happen_is_named_but_not_certain() -> None:
    sets = ChangeSets(root=[{"Changes": [resource("Role", "AWS::IAM::Role", Replacement="Conditional")]}])
    (change,) = changes.read(sets, "root")
    assert (change.replaced, change.line) == (False, "Modify   Role (AWS::IAM::Role)  may be replaced")


def test_a_removed_resource_that_is_kept_outside_the_stack_says_so() -> None:
    sets = ChangeSets(root=[{"Changes": [resource("Key", "AWS::KMS::Key", "Remove", PolicyAction="Retain")]}])
    (change,) = changes.read(sets, "root")
    assert change.line.endswith("kept outside the stack")


def test_values_are_told_before_and_after_and_long_ones_are_shortened() -> None:
    aim = {"Attribute": "Properties", "Name": "Rules", "Path": "/Properties/Rules/0/Cidr"}
    details = [
        {"Target": aim | {"BeforeValue": "10.0.0.0/24", "AfterValue": "10.0.0.0/16"}},
        {"Target": aim | {"Path": "/Properties/Text", "Name": "Text", "AfterValue": "x" * 200}},
        {"Target": {"Attribute": "Tags"}},
    ]
    sets = ChangeSets(root=[{"Changes": [resource("Group", "AWS::EC2::SecurityGroup", Details=[*details, *details])]}])
    _, first, second, _ = (line.strip() for line in changes.lines(list(changes.read(sets, "root"))))
    assert first == "Rules/0/Cidr: 10.0.0.0/24 → 10.0.0.0/16"
    assert second == f"Text: (none) → {'x' * 79}…"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("a", "b" * 80, ("a", "b" * 80)),
        ("a  \n b", None, ("a b", "(none)")),
        (None, "x" * 81, ("(none)", "x" * 79 + "…")),
        ("a" * 90, "b" * 90, ("a" * 79 + "…", "b" * 79 + "…")),
        ("s" * 15 + "a" * 90, "s" * 15 + "b", ("s" * 15 + "a" * 64 + "…", "s" * 15 + "b")),
        ("p" * 300 + "one", "p" * 300 + "two", ("…" + "p" * 20 + "one", "…" + "p" * 20 + "two")),
        ("p" * 90, "p" * 90 + "more", ("…" + "p" * 20, "…" + "p" * 20 + "more")),
        ("p" * 90 + "a" * 90, "p" * 90, ("…" + "p" * 20 + "a" * 58 + "…", "…" + "p" * 20)),
    ],
)
def test_long_values_are_told_from_their_first_difference_on(
    before: str | None, after: str | None, told: tuple[str, str]
) -> None:
    assert changes.shortened(before, after) == told
    assert changes.shortened(after, before) == (told[1], told[0])


@given(st.text(st.sampled_from("abc "), max_size=200), st.text("ab", max_size=9), st.text("ab", max_size=9))
def test_two_values_that_differ_are_told_as_two(common: str, before: str, after: str) -> None:
    told = changes.shortened(f"{common}-{before}", f"{common}-{after}")
    assert (told[0] == told[1]) == (before == after)
    assert max(map(len, told)) <= 80


def test_contexts_are_read_as_properties_and_what_is_none_is_refused() -> None:
    context = {"BeforeContext": '{"Properties": {"A": 1}}', "AfterContext": '{"Metadata": {}}'}
    sets = ChangeSets(root=[{"Changes": [resource("Role", "AWS::IAM::Role", **context)]}])
    (change,) = changes.read(sets, "root")
    assert (change.before, change.after) == ({"A": 1}, {})
    for wrong in ("[]", "{"):
        broken = ChangeSets(root=[{"Changes": [resource("Role", "AWS::IAM::Role", BeforeContext=wrong)]}])
        with pytest.raises(Refusal, match="is no JSON"):
            list(changes.read(broken, "root"))


def test_the_sum_counts_what_is_added_modified_removed_and_replaced() -> None:
    sets = ChangeSets(root=[{"Changes": [TABLE, resource("Old", "AWS::SQS::Queue", "Remove")]}])
    assert (
        changes.lines(list(changes.read(sets, "root")))[-1]
        == "0 added, 1 modified, 1 removed; 1 of the modified replaced"
    )


def test_a_change_that_an_update_does_only_in_part_says_what_remains() -> None:
    setting = "NetworkEncryptionSetting"
    assert setting in json.loads(templates(ClusterConfig())["services.json"])["Resources"]
    nested = resource("Services", "AWS::CloudFormation::Stack", ChangeSetId="nested", Replacement="False")
    changed = resource(setting, "AWS::SSM::Parameter", Replacement="False", Details=[detail("Value")])
    sets = ChangeSets(root=[{"Changes": [nested]}], nested=[{"Changes": [changed]}])
    last = changes.lines(list(changes.read(sets, "root")))[-1]
    assert last.startswith(f"Services/{setting}: pods on different nodes are cut off")
    _, _, guide = last.rpartition(" ")
    assert Path(__file__).parents[3].joinpath(guide).is_file()


@pytest.mark.parametrize("name", ["Tags", "Description"])
def test_a_change_of_anything_but_the_value_leaves_nothing_to_be_done_by_hand(name: str) -> None:
    path = "Services/NetworkEncryptionSetting"
    change = Change(path, "AWS::SSM::Parameter", "Modify", properties=(name,))
    assert changes.lines([change])[-1].endswith("of the modified replaced")
    assert changes.lines([replace(change, properties=(name, "Value"))])[-1].startswith(path)
    same = replace(change, properties=("Value",), before={"Value": "none"}, after={"Value": "none", name: "new"})
    assert changes.lines([same])[-1].endswith("of the modified replaced")
    assert changes.lines([replace(same, before={"Value": "wireguard"})])[-1].startswith(path)


@pytest.mark.parametrize(
    "reason",
    ["The submitted information didn't contain changes.", "No updates are to be performed."],
)
def test_a_change_set_that_failed_for_lack_of_changes_holds_nothing(reason: str) -> None:
    sets = ChangeSets(root=[{"Status": "FAILED", "StatusReason": reason}])
    assert not changes.settled(sets, "root", lambda _: None)


def test_a_change_set_that_failed_for_another_reason_is_refused_with_it() -> None:
    sets = ChangeSets(root=[{"Status": "FAILED", "StatusReason": "Parameters: [VpcId] must have values"}])
    with pytest.raises(Refusal, match=r"Parameters: \[VpcId\] must have values"):
        changes.settled(sets, "root", lambda _: None)
