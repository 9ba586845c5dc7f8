"""The catalog stack's template: without a finding in any partition; its launch role has no right that is not needed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from generator import catalog, deployer
from generator.catalog import launch_role
from rehearsal.aws.iam import catalog as catalog_of_iam
from rehearsal.aws.iam import policy
from rehearsal.aws.iam.context import Context
from rehearsal.aws.iam.evaluation import Access, Policies, RolePrincipal, decide

BOUNDARY = "arn:aws:iam::123456789012:policy/holdfast/boundary"
VALUES = {
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "123456789012",
    "AWS::URLSuffix": "amazonaws.com",
    "RolePath": "/holdfast/",
    "PermissionsBoundaryArn": BOUNDARY,
    "TemplateBucket": "my-templates",
    "TemplatePrefix": "clusters",
}
LONGEST = {
    **VALUES,
    "AWS::Partition": "aws-us-gov",
    "AWS::Region": "ap-southeast-9",
    "RolePath": f"/{'p' * 62}/",
    "PermissionsBoundaryArn": "b" * 256,
    "TemplateBucket": "b" * 63,
    "TemplatePrefix": "p" * 128,
}
ROLE = "arn:aws:iam::123456789012:role/holdfast/SC-123456789012-pp-abc-WorkerRole-1"


@cache
def template() -> dict[str, Any]:
    """The template as a user deploys it."""
    body: dict[str, Any] = json.loads(catalog.templates()[catalog.FILE])
    return body


def filled(value: Any, values: Mapping[str, str]) -> Any:
    """The value as CloudFormation resolves it, where a prefix and no other optional thing is given."""
    if isinstance(value, list):
        return [filled(each, values) for each in value]
    if not isinstance(value, dict):
        return value
    if "Ref" in value:
        return values[value["Ref"]]
    if "Fn::Sub" in value:
        return re.sub(r"\$\{([\w:]+)\}", lambda match: values[match[1]], value["Fn::Sub"])
    if "Fn::If" in value:
        return filled(value["Fn::If"][1], values)
    return {key: filled(each, values) for key, each in value.items()}


def policies(values: Mapping[str, str] = VALUES) -> list[dict[str, Any]]:
    """The launch role's, as IAM gets them."""
    found = [
        filled(body["Properties"]["PolicyDocument"], values)
        for name, body in template()["Resources"].items()
        if name.startswith("LaunchPolicy")
    ]
    named = [each["Ref"] for each in template()["Resources"]["LaunchRole"]["Properties"]["ManagedPolicyArns"]]
    assert len(named) == len(found)
    return found


def allowed(action: str, resource: str, keys: Mapping[str, Any], *, by_cloudformation: bool = True) -> bool:
    """Whether the launch role may, with these values of condition keys."""
    role = RolePrincipal(
        "123456789012",
        "arn:aws:iam::123456789012:role/holdfast-launch/launch",
        "arn:aws:sts::123456789012:assumed-role/launch/session",
    )
    values = dict(keys)
    if by_cloudformation:
        values |= {"aws:CalledVia": ("cloudformation.amazonaws.com",), "aws:ViaAWSService": "true"}
    own = tuple(policy.parse(each) for each in policies())
    return decide(Access(role, action, resource, Context(values)), Policies(identity=own)).allowed


def test_what_reaches_the_product_is_said_to_be_never_changed() -> None:
    """No page says what an update of the resource leaves of the versions that were published."""
    parameters = template()["Parameters"]
    named = set(re.findall(r'"Ref": "(\w+)"', json.dumps(template()["Resources"]["Product"])))
    fixed = {name for name, each in parameters.items() if "never changed later" in each["Description"]}
    assert named & parameters.keys() == fixed


def test_nobody_is_let_in_before_the_launch_role_is_in_force() -> None:
    resources = template()["Resources"]
    let_in = [
        each for each in resources.values() if each["Type"] == "AWS::ServiceCatalog::PortfolioPrincipalAssociation"
    ]
    assert len(let_in) == 5
    assert all(each["DependsOn"] == ["LaunchConstraint"] for each in let_in)


def test_service_catalog_alone_assumes_the_role_for_this_account() -> None:
    role = template()["Resources"]["LaunchRole"]["Properties"]
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": ["servicecatalog.amazonaws.com"]}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert role["Path"] == launch_role.PATH


def test_whoever_launches_is_held_to_the_boundary_and_the_path() -> None:
    rules = json.loads(filled(template()["Resources"]["TemplateConstraint"]["Properties"]["Rules"], VALUES))
    asked = {name: rule["Assertions"][0]["Assert"] for name, rule in rules.items()}
    assert asked == {
        "Boundary": {"Fn::Equals": [{"Ref": "PermissionsBoundaryArn"}, BOUNDARY]},
        "Path": {"Fn::Equals": [{"Ref": "RolePath"}, "/holdfast/"]},
    }


def test_keys_are_used_through_services_by_whichever_name_they_have_in_a_partition() -> None:
    """Where hosts do not end in amazonaws.com nobody has published what `kms:ViaService` ends in."""
    values = {**VALUES, "AWS::URLSuffix": "amazonaws.com.cn"}
    conditions = [
        filled(statement["Condition"]["StringEquals"]["kms:ViaService"], values)
        for resource in template()["Resources"].values()
        for document in [
            resource["Properties"].get("PolicyDocument", {}),
            *(each["PolicyDocument"] for each in resource["Properties"].get("Policies", ())),
        ]
        for statement in document.get("Statement", ())
        if "kms:ViaService" in statement.get("Condition", {}).get("StringEquals", {})
    ]
    assert len(conditions) == 3
    for named in conditions:
        service, _, place = named[0].partition(".")
        assert place == "us-east-1.amazonaws.com.cn"
        assert named[1:] == [f"{service}.us-east-1.amazonaws.com"]


# the launch role
def test_a_deletion_waits_until_lambda_has_removed_the_interfaces_of_a_function_in_the_vpc() -> None:
    """Template reference, AWS::Lambda::Function VpcConfig: "If you don't provide this permission, AWS CloudFormation
    does not wait for network interfaces to be deleted", and stops at the subnets that they hold."""
    assert allowed("ec2:DescribeNetworkInterfaces", "*", {})


def test_the_role_may_what_the_templates_types_and_service_catalog_need_and_nothing_else() -> None:
    granted = {
        action
        for each in policies()
        for statement in each["Statement"]
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
    }
    assert granted == launch_role.actions()


def test_each_action_is_one_that_iam_knows() -> None:
    for action in launch_role.actions():
        prefix, _, name = action.partition(":")
        known = catalog_of_iam.service(prefix)
        assert known is not None
        assert name.lower() in known.actions


def test_each_policy_fits_into_a_managed_one_whatever_the_parameters_are() -> None:
    for each in policies(LONGEST):
        assert deployer.characters(each) <= deployer.MOST_CHARACTERS
    # With the one for the key of the bucket; more than ten take a raised quota.
    assert len(policies()) < 10


@pytest.mark.parametrize("action", ["iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"])
@pytest.mark.parametrize(
    ("role", "boundary", "may"),
    [
        (ROLE, BOUNDARY, True),
        (ROLE, None, False),
        (ROLE, "arn:aws:iam::aws:policy/AdministratorAccess", False),
        (ROLE.replace("/holdfast/", "/"), BOUNDARY, False),
        (ROLE.replace("/holdfast/", "/holdfast-launch/"), BOUNDARY, False),
    ],
)
def test_a_role_gets_rights_below_the_path_and_with_the_boundary_alone(
    action: str, role: str, boundary: str | None, may: bool
) -> None:
    keys = {} if boundary is None else {"iam:PermissionsBoundary": boundary}
    assert allowed(action, role, keys) is may
    assert not allowed(action, role, keys, by_cloudformation=False)


def test_the_boundary_is_out_of_reach_also_where_it_stands_below_the_path() -> None:
    assert allowed("iam:CreatePolicyVersion", BOUNDARY.replace("boundary", "people"), {})
    for action in ("iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:DeletePolicyVersion"):
        assert not allowed(action, BOUNDARY, {})
    assert not allowed("iam:DeleteRolePermissionsBoundary", ROLE, {"iam:PermissionsBoundary": BOUNDARY})


@pytest.mark.parametrize(
    ("action", "resource", "may"),
    [
        ("cloudformation:CreateStack", "cloudformation:us-east-1:123456789012:stack/SC-123456789012-pp-a/*", True),
        (
            "cloudformation:CreateStack",
            "cloudformation:us-east-1:123456789012:stack/SC-123456789012-pp-a-Iam-1/x",
            True,
        ),
        ("cloudformation:DeleteStack", "cloudformation:us-east-1:123456789012:stack/my-cluster/x", False),
        ("s3:GetObject", "s3:::my-templates/clusters/1.template", True),
        ("s3:GetObject", "s3:::my-templates/clusters-of-others/1.template", False),
        ("s3:GetObject", "s3:::foreign/clusters/1.template", False),
        ("s3:PutObject", "s3:::my-templates/clusters/1.template", False),
        ("dynamodb:DeleteTable", "dynamodb:us-east-1:123456789012:table/my-cluster-Database-Table", False),
    ],
)
def test_the_role_reaches_stacks_of_service_catalog_and_published_templates_alone(
    action: str, resource: str, may: bool
) -> None:
    assert allowed(action, f"arn:aws:{resource}", {}) is may


def test_a_copy_of_the_template_that_service_catalog_keeps_can_be_read() -> None:
    of_service = {"s3:ExistingObjectTag/servicecatalog:provisioning": "true"}
    assert allowed("s3:GetObject", "arn:aws:s3:::sc-of-aws/t", of_service, by_cloudformation=False)


def test_roles_are_passed_to_the_services_of_clusters_alone() -> None:
    assert allowed("iam:PassRole", ROLE, {"iam:PassedToService": "lambda.amazonaws.com"})
    assert not allowed("iam:PassRole", ROLE, {"iam:PassedToService": "servicecatalog.amazonaws.com"})


# the roles of service actions
TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/SC-123456789012-pp-a-Database-1-Table-2"
WORKS = "arn:aws:iam::123456789012:role/holdfast-launch/automation"
KEY = "arn:aws:kms:us-east-1:123456789012:key/1"
VIA = {"kms:ViaService": "dynamodb.us-east-1.amazonaws.com"}
CONTEXT = "kms:EncryptionContext:aws:dynamodb:tableName"


def role_may(name: str, action: str, resource: str, keys: Mapping[str, Any]) -> bool:
    """Whether a role that has its policy in itself may, with these values of condition keys."""
    (held,) = template()["Resources"][name]["Properties"]["Policies"]
    arn = f"arn:aws:iam::123456789012:role/holdfast-launch/{name}"
    role = RolePrincipal("123456789012", arn, f"arn:aws:sts::123456789012:assumed-role/{name}/session")
    known = {**VALUES, "AutomationRole": WORKS, "ReplaceSlotRunbook": "runbook"}
    own = policy.parse(filled(_with_arns(held["PolicyDocument"]), known))
    return decide(Access(role, action, resource, Context(dict(keys))), Policies(identity=(own,))).allowed


def _with_arns(value: Any) -> Any:
    """The value with Ref in the place of attributes, and the own variables of Fn::Sub in its text."""
    if isinstance(value, list):
        return [_with_arns(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "Fn::GetAtt" in value:
        return {"Ref": value["Fn::GetAtt"][0]}
    if isinstance(value.get("Fn::Sub"), list):
        text, variables = value["Fn::Sub"]
        for name, meant in variables.items():
            text = text.replace(f"${{{name}}}", f"${{{meant['Ref']}}}")
        return {"Fn::Sub": text}
    return {key: _with_arns(each) for key, each in value.items()}


@pytest.mark.parametrize(
    ("action", "resource", "keys", "may"),
    [
        ("dynamodb:PutItem", TABLE, {"dynamodb:LeadingKeys": ("replacement#1",)}, True),
        ("dynamodb:DeleteItem", TABLE, {"dynamodb:LeadingKeys": ("replacement#1",)}, True),
        ("dynamodb:PutItem", TABLE, {"dynamodb:LeadingKeys": ("cluster",)}, False),
        ("dynamodb:PutItem", TABLE, {"dynamodb:LeadingKeys": ("approval#removal",)}, False),
        ("dynamodb:PutItem", TABLE, {}, False),
        ("dynamodb:Scan", TABLE, {}, False),
        ("dynamodb:PutItem", TABLE.replace("SC-", ""), {"dynamodb:LeadingKeys": ("replacement#1",)}, False),
        ("kms:GenerateDataKey", KEY, {**VIA, CONTEXT: TABLE.rpartition("/")[2]}, True),
        ("kms:GenerateDataKey", KEY, {**VIA, CONTEXT: "other-cluster"}, False),
        ("kms:Decrypt", KEY, {CONTEXT: TABLE.rpartition("/")[2]}, False),
        ("autoscaling:TerminateInstanceInAutoScalingGroup", "*", {}, False),
    ],
)
def test_runbooks_reach_requests_in_tables_of_launched_clusters_alone(
    action: str, resource: str, keys: Mapping[str, Any], may: bool
) -> None:
    assert role_may("AutomationRole", action, resource, keys) is may


@pytest.mark.parametrize(
    ("action", "resource", "keys", "may"),
    [
        ("ssm:StartAutomationExecution", "ssm:us-east-1:123456789012:document/runbook", {}, True),
        ("ssm:StartAutomationExecution", "ssm:us-east-1:123456789012:document/another", {}, False),
        ("ssm:SendCommand", "ssm:us-east-1:123456789012:document/runbook", {}, False),
    ],
)
def test_service_catalog_starts_the_runbooks_of_the_stack_alone(
    action: str, resource: str, keys: Mapping[str, Any], may: bool
) -> None:
    assert role_may("ActionRole", action, f"arn:aws:{resource}", keys) is may


def test_the_runbooks_role_is_passed_to_systems_manager_alone() -> None:
    assert role_may("ActionRole", "iam:PassRole", WORKS, {"iam:PassedToService": "ssm.amazonaws.com"})
    assert not role_may("ActionRole", "iam:PassRole", WORKS, {"iam:PassedToService": "ec2.amazonaws.com"})
    assert not role_may("ActionRole", "iam:PassRole", ROLE, {"iam:PassedToService": "ssm.amazonaws.com"})


@pytest.mark.parametrize(
    ("name", "service"), [("AutomationRole", "ssm.amazonaws.com"), ("ActionRole", "servicecatalog.amazonaws.com")]
)
def test_the_roles_of_actions_are_assumed_by_one_service_for_this_account(name: str, service: str) -> None:
    role = template()["Resources"][name]["Properties"]
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": [service]}
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert role["Path"] == launch_role.PATH
