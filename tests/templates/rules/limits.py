"""CloudFormation's and EC2's limits, kept at a distance."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from tests.templates.cluster import Cluster
from tests.templates.rules.machines import launch_templates
from tests.templates.rules.rule import rule

# CloudFormation takes 1 MB and 500 resources; packaging and later layers add to both.
MAX_TEMPLATE_BYTES = 460_000
MAX_RESOURCES = 450
MAX_PARAMETERS = MAX_OUTPUTS = 200
# EC2 takes 16,384 bytes.
MAX_USER_DATA_BYTES = 4096
# SSM's tiers, and the one that it chooses by the size.
MAX_SETTING_CHARACTERS = {"Standard": 4096, "Intelligent-Tiering": 8192}
# What PokaInc/cfn-cross-region-export#8 has measured; CloudFormation's handler repeats what is refused, and gives up.
MOST_PARAMETERS_AT_ONCE = 5
# Every expression in a setting is a stack's id at most.
_LONGEST_ID = "x" * 230


@rule
def a_template_is_far_below_the_limits(cluster: Cluster) -> Iterator[str]:
    for layer, template in cluster.templates.items():
        size = len(json.dumps(template, indent=2).encode()) + 1
        if size >= MAX_TEMPLATE_BYTES:
            yield f"{layer}: {size} bytes"
        for section, limit in (("Resources", MAX_RESOURCES), ("Parameters", MAX_PARAMETERS), ("Outputs", MAX_OUTPUTS)):
            if len(template.get(section, {})) >= limit:
                yield f"{layer}: {len(template[section])} {section}"


@rule
def user_data_is_a_few_lines(cluster: Cluster) -> Iterator[str]:
    for template, data in launch_templates(cluster):
        text = data["UserData"]["Fn::Base64"]["Fn::Sub"]
        # Parameters that are put in are longer than their names, by a name's length at most.
        size = len(text.encode()) + 100 * text.count("${")
        if size > MAX_USER_DATA_BYTES:
            yield f"{template}: up to {size} bytes"


@rule
def a_setting_fits_its_parameter(cluster: Cluster) -> Iterator[str]:
    for parameter in cluster.resources("AWS::SSM::Parameter"):
        # What an expression says in names is shorter than what it becomes, by far less than the distance kept.
        size = len(json.dumps(parameter.properties["Value"]).replace("${AWS::StackId}", _LONGEST_ID))
        tier = parameter.properties.get("Tier", "Standard")
        if tier == "Intelligent-Tiering":
            size = len(parameter.properties["Value"].encode())
        if size > MAX_SETTING_CHARACTERS.get(tier, 0):
            yield f"{parameter}: up to {size} characters"


@rule
def few_settings_are_made_at_once(cluster: Cluster) -> Iterator[str]:
    """SSM takes three parameters a second, and CloudFormation makes all at once that do not wait for each other."""
    for layer, template in cluster.templates.items():
        parameters = {
            name: each for name, each in template["Resources"].items() if each["Type"] == "AWS::SSM::Parameter"
        }
        waits = {name: parameters.keys() & set(each.get("DependsOn", [])) for name, each in parameters.items()}
        awaited = Counter(before for each in waits.values() for before in each)
        first = [name for name, each in waits.items() if not each]
        if len(first) > MOST_PARAMETERS_AT_ONCE:
            yield f"{layer}: {len(first)} parameters are made at once"
        yield from (
            f"{layer}: {count} parameters wait for {name} alone" for name, count in awaited.items() if count > 1
        )


@rule
def a_setting_says_nothing_that_is_replaced(cluster: Cluster) -> Iterator[str]:
    """CloudFormation and SSM read two opening braces as a reference."""
    for parameter in cluster.resources("AWS::SSM::Parameter"):
        if "{{" in json.dumps(parameter.properties["Value"]):
            yield f"{parameter}: has a reference"
