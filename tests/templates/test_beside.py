"""What every template obeys, in those of the stacks beside clusters: images and the catalog."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pytest

from generator import catalog, image
from generator.config import ClusterConfig
from generator.config.model import Partition
from tests.templates.cluster import Cluster
from tests.templates.linting import REGIONS, findings
from tests.templates.rules import violations

RULES = (
    "every_arn_takes_its_partition_from_the_deploy",
    "no_text_names_a_region_or_an_account",
    "every_host_of_aws_takes_its_suffix_from_the_deploy",
    "no_allow_has_a_wildcard_action",
)
IMAGE, CATALOG = "image", "catalog"


@dataclass(frozen=True)
class Beside:
    """A stack's template as a user deploys it, and which of its parameters have no default."""

    name: str
    body: dict[str, Any]
    required: frozenset[str]

    def as_cluster(self, partition: Partition = "aws") -> Cluster:
        """The template where rules and linting look for a cluster's."""
        return Cluster(self.name, ClusterConfig(partition=partition), {self.name: self.body})


STACKS = (
    Beside(
        IMAGE,
        json.loads(image.templates()[image.FILE]),
        frozenset({"VpcId", "SubnetId", "Sources", "SourcesSha256"}),
    ),
    Beside(
        CATALOG,
        json.loads(catalog.templates()[catalog.FILE]),
        frozenset({"PrincipalArn", "TemplateBucket", "PermissionsBoundaryArn", "FirstVersion", "FirstTemplateUrl"}),
    ),
)
every_stack = pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack.name)


@every_stack
def test_a_template_lints_without_error_or_warning(stack: Beside, tmp_path: Path) -> None:
    assert findings([stack.as_cluster()], tmp_path) == []


@pytest.mark.slow
@every_stack
def test_a_template_lints_without_error_or_warning_in_every_partition(stack: Beside, tmp_path: Path) -> None:
    assert findings([stack.as_cluster(partition) for partition in get_args(Partition)], tmp_path) == []
    assert REGIONS.keys() <= set(get_args(Partition))


@every_stack
@pytest.mark.parametrize("rule", RULES)
def test_a_template_obeys_what_every_template_obeys(rule: str, stack: Beside) -> None:
    assert violations(rule, stack.as_cluster()) == []


def test_no_statement_of_the_image_stack_says_what_it_is_not_about() -> None:
    (stack,) = (each for each in STACKS if each.name == IMAGE)
    assert violations("no_statement_says_what_it_is_not_about", stack.as_cluster()) == []


@every_stack
def test_every_parameter_and_output_says_what_it_is_and_has_a_place_in_the_console(stack: Beside) -> None:
    body = stack.body
    described = [*body["Parameters"].values(), *body["Outputs"].values()]
    assert all(each["Description"] for each in described)
    interface = body["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert grouped == list(body["Parameters"]) == list(interface["ParameterLabels"])
    required = {name for name, each in body["Parameters"].items() if "Default" not in each}
    assert required == stack.required
