"""The image stack's template: without a finding in any partition, and with no more rights than it needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from troposphere import Template

from coordination.names import IMAGE_METADATA, IMAGE_TAG, IN_USE_TAG, UNLOCKED, image_parameter
from generator import image
from generator.grant import On
from generator.image import components
from generator.image.components import Components
from generator.image.parameters import declare
from generator.image.permissions import IMAGE_GRANTS
from imagebuilder import artefacts, versions
from imagebuilder.components import Component
from rehearsal.aws.iam import policy
from rehearsal.aws.iam.context import Context
from rehearsal.aws.iam.evaluation import Access, Policies, RolePrincipal, decide


@cache
def template() -> dict[str, Any]:
    """The template as a user deploys it."""
    body: dict[str, Any] = json.loads(image.templates()[image.FILE])
    return body


def properties(logical_id: str) -> dict[str, Any]:
    found: dict[str, Any] = template()["Resources"][logical_id]["Properties"]
    return found


def test_nothing_has_a_name_but_what_image_builder_finds_by_it() -> None:
    """The types of Image Builder have no names of their own, and it looks for log groups by theirs."""
    groups = ("/aws/imagebuilder/${AWS::StackName}", "/aws/imagebuilder/pipeline/${AWS::StackName}")
    own = [{"Ref": "AWS::StackName"}, *({"Fn::Sub": each} for each in groups)]
    named = {
        resource["Type"]
        for resource in template()["Resources"].values()
        for name in ("Name", "GroupName", "RoleName", "InstanceProfileName", "LogGroupName")
        if resource["Properties"].get(name) in own or isinstance(resource["Properties"].get(name), str)
    }
    assert {each for each in named if "ImageBuilder" not in each} == {"AWS::Logs::LogGroup"}


def test_builds_run_on_instances_that_nobody_reaches_with_metadata_by_token() -> None:
    given = properties("Infrastructure")
    assert given["InstanceMetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    assert "KeyPair" not in given
    assert given["SubnetId"] == {"Ref": "SubnetId"}
    group = properties("BuildGroup")
    assert "SecurityGroupIngress" not in group
    (egress,) = group["SecurityGroupEgress"]
    assert (egress["IpProtocol"], egress["FromPort"], egress["ToPort"]) == ("tcp", 443, 443)
    (volume,) = properties("Recipe")["BlockDeviceMappings"]
    assert volume["Ebs"]["Encrypted"] is True


def test_the_instances_role_is_assumed_by_ec2_under_its_name_in_each_partition() -> None:
    (statement,) = properties("BuildRole")["AssumeRolePolicyDocument"]["Statement"]
    in_china, elsewhere = statement["Principal"]["Service"][0]["Fn::If"][1:]
    assert template()["Conditions"]["IsChina"] == {"Fn::Equals": [{"Ref": "AWS::Partition"}, "aws-cn"]}
    assert (in_china, elsewhere) == ({"Fn::Sub": "ec2.${AWS::URLSuffix}"}, "ec2.amazonaws.com")


def test_each_region_names_the_newest_ami_where_image_builder_may_write() -> None:
    own, *copies = properties("Distribution")["Distributions"]
    assert len(copies) == 3
    for number, each in enumerate([own, *(copy["Fn::If"][1] for copy in copies)]):
        (parameter,) = each["SsmParameterConfigurations"]
        assert parameter["ParameterName"] == {"Fn::Sub": image_parameter("${AWS::StackName}")}, number
        assert parameter["DataType"] == "aws:ec2:image"
        assert each["AmiDistributionConfiguration"]["AmiTags"][IMAGE_TAG] == {"Ref": "AWS::StackName"}
    assert image_parameter("any").startswith("/imagebuilder/")


def test_old_images_are_ended_but_for_those_in_use_launched_lately_or_shared() -> None:
    (rule,) = properties("OldImages")["PolicyDetails"]
    assert rule["Action"] == {"Type": "DELETE", "IncludeResources": {"Amis": True, "Snapshots": True}}
    assert rule["ExclusionRules"]["Amis"].keys() == {"TagMap", "LastLaunched", "SharedAccounts"}
    assert rule["ExclusionRules"]["Amis"]["TagMap"] == rule["ExclusionRules"]["TagMap"] == {IN_USE_TAG: "true"}
    assert properties("OldImages")["ResourceSelection"] == {"TagMap": {IMAGE_TAG: {"Ref": "AWS::StackName"}}}
    assert template()["Parameters"]["DeleteOldImages"]["Default"] == "false"


@pytest.mark.parametrize(
    ("tags", "allowed"),
    [
        ({"CreatedBy": "EC2 Image Builder", IMAGE_TAG: "images"}, True),
        ({"CreatedBy": "EC2 Image Builder", IMAGE_TAG: "images", IN_USE_TAG: "false"}, True),
        ({"CreatedBy": "EC2 Image Builder", IMAGE_TAG: "images", IN_USE_TAG: "true"}, False),
        ({"CreatedBy": "EC2 Image Builder", IMAGE_TAG: "another"}, False),
        ({IMAGE_TAG: "images"}, False),
    ],
)
def test_the_role_that_ends_old_images_can_end_no_image_in_use_and_none_of_others(
    tags: Mapping[str, str], allowed: bool
) -> None:
    document = _filled(properties("LifecyclePolicy")["PolicyDocument"], {"AWS::StackName": "images"})
    role = RolePrincipal("123456789012", "arn:aws:iam::123456789012:role/r", "arn:aws:sts::123456789012:r/s")
    values = Context({f"aws:ResourceTag/{key}": value for key, value in tags.items()})
    access = Access(role, "ec2:DeregisterImage", "arn:aws:ec2:us-east-1::image/ami-1", values)
    assert decide(access, Policies(identity=(policy.parse(document),))).allowed is allowed


def test_a_grant_on_any_resource_has_a_reason_and_every_grant_is_in_the_template() -> None:
    assert [grant.sid for grant in IMAGE_GRANTS if grant.on in (On.ANY, On.REGISTRY) and not grant.reason] == []
    found = {
        statement["Sid"]: statement["Action"]
        for resource in template()["Resources"].values()
        if resource["Type"] == "AWS::IAM::RolePolicy"
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]
    }
    wanted = {grant.sid: sorted(str(each.JSONrepr()) for each in grant.actions) for grant in IMAGE_GRANTS}
    assert found == wanted


# components
OTHER_MINORS = ("1.9", "1.8", "1.7")


def component(text: str, parameters: tuple[str, ...] = ()) -> Component:
    declared = [{name: {"type": "string", "description": f"Says {name}", "default": ""}} for name in parameters]
    steps = [{"name": "say", "action": "ExecuteBash", "inputs": {"commands": [text]}}]
    document: dict[str, object] = {"name": "n", "schemaVersion": "1.0", "parameters": declared}
    document["phases"] = [{"name": "build", "steps": steps}]
    return Component("programs", "Programs", document)


def made_of(texts: Mapping[str, str], parameters: tuple[str, ...] = ()) -> tuple[Template, list[components.Chosen]]:
    """A template with one component, whose text differs from minor to minor."""
    known = Components(
        tuple(texts), {"programs": {minor: component(text, parameters) for minor, text in texts.items()}}
    )
    body = Template()
    given = declare(body, known.minors, ["x86_64"], known.parameters)
    return body, components.add(body, known, given)


def test_a_component_that_is_the_same_for_each_minor_is_one_resource() -> None:
    body, (chosen,) = made_of(dict.fromkeys(OTHER_MINORS, "same"))
    assert list(body.resources) == ["ProgramsComponent"]
    assert chosen.arn.to_dict() == {"Ref": "ProgramsComponent"}
    assert body.conditions == {}


def test_of_components_that_differ_the_chosen_minors_is_made_and_named() -> None:
    body, (chosen,) = made_of({"1.9": "new", "1.8": "old", "1.7": "old"})
    resources = body.to_dict()["Resources"]
    assert {name: each["Condition"] for name, each in resources.items()} == {
        "Programs19Component": "IsKubernetes19",
        "Programs18Component": "Programs18ComponentChosen",
    }
    assert body.to_dict()["Conditions"]["Programs18ComponentChosen"] == {
        "Fn::Or": [{"Condition": "IsKubernetes18"}, {"Condition": "IsKubernetes17"}]
    }
    inner = {"Fn::If": ["IsKubernetes18", {"Ref": "Programs18Component"}, {"Ref": "Programs18Component"}]}
    assert json.loads(json.dumps(chosen.arn.to_dict())) == {
        "Fn::If": ["IsKubernetes19", {"Ref": "Programs19Component"}, inner]
    }


def test_what_a_component_asks_for_is_a_parameter_that_the_recipe_hands_on() -> None:
    body, (chosen,) = made_of({"1.9": "same"}, ("Mirror", "Registry"))
    assert {"Mirror", "Registry"} <= body.parameters.keys()
    assert chosen.configuration.to_dict()["Parameters"] == [
        {"Name": "Mirror", "Value": [{"Ref": "Mirror"}]},
        {"Name": "Registry", "Value": [{"Ref": "Registry"}]},
    ]


def test_another_content_is_another_version_within_what_image_builder_takes() -> None:
    versions = [made_of({"1.9": text})[0].resources["ProgramsComponent"].Version for text in ("a", "b")]
    assert versions[0] != versions[1]
    for version in versions:
        places = [int(place) for place in version.split(".")]
        assert len(places) == 3
        assert all(0 <= place < 2**30 for place in places)


def test_a_document_that_cloudformation_would_not_take_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"component programs: 1\d{4} characters, the limit is 16000"):
        made_of({"1.9": "x" * 16_000})


def test_the_template_says_of_which_minors_no_image_can_be_built() -> None:
    said = template()["Metadata"][IMAGE_METADATA][UNLOCKED]
    known = versions.read()
    unlocked = [each.minor for each in known.releases if artefacts.of(known, each).unlocked()]
    assert list(said) == unlocked
    assert all("make image-lock" in each for each in said.values())


def test_the_template_fits_into_a_request_where_its_documents_do() -> None:
    """CloudFormation takes 1 MB from a bucket; documents are most of what there is."""
    documents = [each for each in template()["Resources"].values() if each["Type"].endswith("::Component")]
    rest = len(json.dumps(template())) - sum(len(json.dumps(each)) for each in documents)
    assert rest < 51_200


def _filled(document: Any, values: Mapping[str, str]) -> Any:
    """A policy with its references replaced."""
    if isinstance(document, list):
        return [_filled(each, values) for each in document]
    if not isinstance(document, dict):
        return document
    if set(document) == {"Ref"}:
        return values[document["Ref"]]
    if set(document) == {"Fn::Sub"}:
        return (
            document["Fn::Sub"]
            .replace("${AWS::Partition}", "aws")
            .replace("${AWS::Region}", "us-east-1")
            .replace("${AWS::AccountId}", "123456789012")
        )
    return {key: _filled(value, values) for key, value in document.items()}
