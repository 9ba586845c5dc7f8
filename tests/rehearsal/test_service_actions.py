"""Service actions of the local AWS: a user without a right on tables has the catalog's runbook ask for him."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from coordination.adapters.table import ClusterTable
from coordination.names import REPLACED, REPLACEMENT_ITEM_PREFIX, CatalogOutput, ReplacementState
from coordination.outcomes import Done, Known
from coordination.replacements import Replacement, answered, replacement
from generator.catalog.actions import ANSWER_SECONDS, REPLACE_SLOT
from rehearsal.aws.server import LocalAws
from tests.rehearsal import catalog_stack
from tests.rehearsal.catalog_stack import ASKED, Catalog
from tests.rehearsal.iam_actors import act, allow, error, person
from tests.waiting import wait_for

SPEED = 10.0
ON_ACTIONS = allow(
    [
        f"servicecatalog:{name}"
        for name in "ListServiceActionsForProvisioningArtifact DescribeServiceActionExecutionParameters "
        "ExecuteProvisionedProductServiceAction".split()
    ]
)
PRODUCT = json.dumps(
    {
        "Parameters": {each: {"Type": "String"} for each in ASKED},
        "Resources": {
            "Table": {
                "Type": "AWS::DynamoDB::Table",
                "Properties": {
                    "BillingMode": "PAY_PER_REQUEST",
                    "KeySchema": [{"AttributeName": "Id", "KeyType": "HASH"}],
                    "AttributeDefinitions": [{"AttributeName": "Id", "AttributeType": "S"}],
                },
            }
        },
        "Outputs": {"TableName": {"Value": {"Ref": "Table"}}},
    }
)


class Launched:
    """A product with a cluster table, and a user who may use Service Catalog alone."""

    def __init__(self, deployed: Catalog) -> None:
        self.catalog = deployed
        self.user = person(deployed.aws, catalog_stack.END_USER, ON_ACTIONS)
        deployed.admin.associate_principal_with_portfolio(
            PortfolioId=deployed.outputs[CatalogOutput.PORTFOLIO],
            PrincipalARN=f"arn:aws:iam::123456789012:user/people/{self.user.name}",
            PrincipalType="IAM",
        )
        self.team = self.user.client("servicecatalog")
        self.version = deployed.publish("table", PRODUCT)
        (self.action,) = deployed.outputs[CatalogOutput.ACTIONS].split(",")
        deployed.admin.associate_service_action_with_provisioning_artifact(
            ProductId=deployed.product, ProvisioningArtifactId=self.version, ServiceActionId=self.action
        )
        record = deployed.provision("cluster", self.version)
        assert record["RecordDetail"]["Status"] == "SUCCEEDED", record
        (self.table_name,) = [each["OutputValue"] for each in record["RecordOutputs"]]
        self.product = record["RecordDetail"]["ProvisionedProductId"]
        self.table = ClusterTable(deployed.aws.client("dynamodb"), self.table_name)

    def execute(self, **values: str) -> dict[str, Any]:
        given = {"Table": self.table_name, "Slot": "1", **values}
        return dict(
            self.team.execute_provisioned_product_service_action(
                ProvisionedProductId=self.product,
                ServiceActionId=self.action,
                ExecuteToken=uuid.uuid4().hex,
                Parameters={name: [value] for name, value in given.items()},
            )
        )

    def requests(self) -> list[Replacement]:
        found = self.table.items([REPLACEMENT_ITEM_PREFIX])
        assert isinstance(found, Known)
        return [replacement(each) for each in found.value]

    def answer(self, state: ReplacementState, result: str) -> None:
        """What the reconcile function does, once there is a request."""
        (asked,) = wait_for(self.requests, "the request")
        assert self.table.apply(answered(asked, state, result, "", 1_800_000_000)) == Done()


@pytest.fixture(scope="module")
def launched(local_aws: LocalAws) -> Launched:
    return Launched(catalog_stack.deploy(local_aws))


def errors(record: dict[str, Any]) -> str:
    assert record["RecordDetail"]["Status"] == "FAILED", record
    return str(record["RecordDetail"]["RecordErrors"][0]["Description"])


def test_a_team_sees_which_actions_its_version_has_and_what_they_ask_for(launched: Launched) -> None:
    asked = {"ProductId": launched.catalog.product, "ProvisioningArtifactId": launched.version}
    (action,) = launched.team.list_service_actions_for_provisioning_artifact(**asked)["ServiceActionSummaries"]
    assert (action["Id"], action["Name"]) == (launched.action, REPLACE_SLOT)
    described = launched.team.describe_service_action_execution_parameters(
        ProvisionedProductId=launched.product, ServiceActionId=launched.action
    )
    assert [(each["Name"], each["Type"]) for each in described["ServiceActionParameters"]] == [
        ("Table", "TEXT_VALUE"),
        ("Slot", "TEXT_VALUE"),
    ]


def test_a_request_is_written_and_taken_away_once_it_is_answered(launched: Launched) -> None:
    begun = launched.execute()
    (asked,) = wait_for(launched.requests, "the request")
    assert (asked.slot, asked.state) == ("1", ReplacementState.REQUESTED)
    launched.answer(ReplacementState.REPLACED, REPLACED)
    assert launched.catalog.ended(begun)["RecordDetail"]["Status"] == "SUCCEEDED"
    assert launched.requests() == []


def test_whoever_is_refused_reads_why_in_the_record(launched: Launched) -> None:
    begun = launched.execute()
    launched.answer(ReplacementState.REFUSED, "refused: members of etcd do not answer: i-2")
    assert errors(launched.catalog.ended(begun)).endswith("found: refused: members of etcd do not answer: i-2")
    wait_for(lambda: not launched.requests(), "the request to be taken away")


def test_a_request_that_nobody_takes_is_withdrawn(launched: Launched) -> None:
    clock = launched.catalog.aws.clock
    before = clock.now()
    begun = launched.execute()
    wait_for(launched.requests, "the request")
    clock.jump(ANSWER_SECONDS)
    assert "timed out" in errors(launched.catalog.ended(begun))
    assert (clock.now() - before).total_seconds() >= ANSWER_SECONDS
    assert launched.requests() == []


def test_a_table_that_is_none_of_a_launched_cluster_is_out_of_reach(launched: Launched) -> None:
    make = {
        "KeySchema": [{"AttributeName": "Id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "Id", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    launched.catalog.aws.client("dynamodb").create_table(TableName="other-cluster", **make)
    assert "Parameter Table is 'other-cluster', allowed: " in errors(
        launched.catalog.ended(launched.execute(Table="other-cluster"))
    )
    assert "Parameter Slot is '1;ls', allowed: " in errors(launched.catalog.ended(launched.execute(Slot="1;ls")))
    foreign = "SC-210987654321-pp-a-Table"
    launched.catalog.aws.client("dynamodb").create_table(TableName=foreign, **make)
    assert "not authorized to perform: dynamodb:PutItem" in errors(
        launched.catalog.ended(launched.execute(Table=foreign))
    )


def test_the_roles_of_actions_do_nothing_but_ask(launched: Launched) -> None:
    """What the runbook's role may not write, and that the user has none of what the action uses."""
    aws = launched.catalog.aws
    works = aws.sessions.issue(launched.catalog.outputs[CatalogOutput.AUTOMATION_ROLE], "test", 3600)
    dynamodb = aws.client("dynamodb", holder=works)
    for key in ("cluster", "approval#removal", "operation"):
        code, _ = error(dynamodb.put_item, TableName=launched.table_name, Item={"Id": {"S": key}})
        assert code == "AccessDeniedException"
    assert error(dynamodb.scan, TableName=launched.table_name)[0] == "AccessDeniedException"
    own = {service: launched.user.client(service) for service in ("dynamodb", "ssm", "autoscaling")}
    item = {"Id": {"S": "replacement#1"}}
    assert error(own["dynamodb"].put_item, TableName=launched.table_name, Item=item)[0] == "AccessDeniedException"
    document = launched.catalog.admin.describe_service_action(Id=launched.action)["ServiceActionDetail"]["Definition"]
    assert error(own["ssm"].start_automation_execution, DocumentName=document["Name"])[0] == "AccessDeniedException"
    assert error(own["autoscaling"].describe_auto_scaling_groups)[0] in ("AccessDenied", "AccessDeniedException")


@pytest.mark.parametrize(("role", "who"), [("LAUNCH_ROLE", "LaunchRole"), ("", "user/people")])
def test_an_action_works_by_the_role_of_its_definition_or_by_the_users_own_rights(
    launched: Launched, role: str, who: str
) -> None:
    admin = launched.catalog.admin
    held = admin.describe_service_action(Id=launched.action)["ServiceActionDetail"]["Definition"]
    changed = {key: value for key, value in (held | {"AssumeRole": role}).items() if value}
    admin.update_service_action(Id=launched.action, Definition=changed)
    said = errors(launched.catalog.ended(launched.execute()))
    assert "not authorized to perform: ssm:StartAutomationExecution" in said
    assert who in said
    admin.update_service_action(Id=launched.action, Definition=held)


def test_whoever_starts_a_runbook_has_to_be_allowed_to_pass_its_role(launched: Launched) -> None:
    aws, definition = launched.catalog.aws, launched.catalog.admin.describe_service_action(Id=launched.action)
    asked = {
        "DocumentName": definition["ServiceActionDetail"]["Definition"]["Name"],
        "Parameters": {"Table": [launched.table_name], "Slot": ["1"]},
    }
    starts = allow("ssm:StartAutomationExecution")
    code, said = error(act(aws, starts).client("ssm").start_automation_execution, **asked)
    assert (code, "iam:PassRole" in said) == ("AccessDeniedException", True)
    assert launched.requests() == []


def test_an_action_of_another_version_or_an_unknown_parameter_is_refused(launched: Launched) -> None:
    code, said = error(launched.execute, Instance="i-1")
    assert (code, said) == ("InvalidParametersException", "The service action has no parameter Instance.")
    admin, action = launched.catalog.admin, {"ServiceActionId": launched.action}
    version = {"ProductId": launched.catalog.product, "ProvisioningArtifactId": launched.version, **action}
    assert error(admin.delete_service_action, Id=launched.action)[0] == "ResourceInUseException"
    assert error(admin.associate_service_action_with_provisioning_artifact, **version)[0] == (
        "DuplicateResourceException"
    )
    admin.disassociate_service_action_from_provisioning_artifact(**version)
    assert error(launched.execute)[0] == "ResourceNotFoundException"
    admin.associate_service_action_with_provisioning_artifact(**version)
