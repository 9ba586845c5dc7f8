"""What of AWS a cluster of the light world has: a table, parameters, and a root stack with the generated slots.

Slots, their hooks, sizes and update policy are those of the generated template `controlplane.json`; what is left out of
it are roles, volumes and networks of instances, and the resources that wait for the whole deploy (Start, ClusterReady).
"""

from __future__ import annotations

import copy
import itertools
import json
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from coordination.names import (
    ACCESS_SETTINGS,
    CONTROL_PLANE_ROLE,
    SETTINGS,
    TABLE_KEY,
    Encryption,
    NodeField,
    Setting,
    launching_hook,
    parameter_prefix,
    slot_group,
)
from coordination.starts import Start
from tests.storm.light import pace
from tests.storm.light.shared import REGION

_TEMPLATE = Path(__file__).parents[3] / "templates" / "controlplane.json"
_NUMBERS = itertools.count(1)
_BUCKET = "storm-templates"
GOOD_TYPES = tuple(f"{family}.{size}" for family in ("m5", "c5", "r5") for size in ("large", "xlarge", "2xlarge"))
"""An update changes the type, which is what makes a new launch template. They are so many that the next one is never
that of an update which went back."""
_API_NAME = "api.storm.internal"


class Account:
    """The account at an endpoint, with what every cluster in it uses."""

    def __init__(self, endpoint: str) -> None:
        session: Any = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=REGION)
        config = Config(
            retries={"mode": "standard", "total_max_attempts": 3}, max_pool_connections=20, read_timeout=300
        )
        self.client: Any = cache(lambda name: session.client(name, endpoint_url=endpoint, config=config))
        ec2 = self.client("ec2")
        self._vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self._subnets = [
            ec2.create_subnet(VpcId=self._vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"{REGION}{zone}")[
                "Subnet"
            ]["SubnetId"]
            for n, zone in enumerate("abc")
        ]
        self._image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        self._key = self.client("kms").create_key()["KeyMetadata"]["Arn"]
        self.client("s3").create_bucket(Bucket=_BUCKET)

    def make_cluster(self, slots: int) -> ClusterStack:
        """A cluster whose slots are empty, and which the function may start. Its table holds nothing else."""
        number = next(_NUMBERS)
        name = f"storm{number}"
        table = f"{name}-table"
        self.client("dynamodb").create_table(
            TableName=table,
            KeySchema=[{"AttributeName": TABLE_KEY, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": TABLE_KEY, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        targets = self.client("elbv2").create_target_group(Name=name, Protocol="TCP", Port=6443, VpcId=self._vpc)
        made = ClusterStack(self, name, slots, table, targets["TargetGroups"][0]["TargetGroupArn"])
        made.create()
        return made

    def template(self, slots: int, minimum: int, table: str, target_group: str) -> str:
        """The nested stack's template; `minimum` is MinInstancesInService, 0 where the old instance leaves first."""
        generated = json.loads(_TEMPLATE.read_text())["Resources"]
        resources: dict[str, Any] = {}
        for slot in range(slots):
            like = min(slot, 2)
            resources[f"Slot{slot}Template"] = {
                "Type": "AWS::EC2::LaunchTemplate",
                "Properties": {
                    "LaunchTemplateData": {
                        "ImageId": self._image,
                        "InstanceType": {"Ref": "InstanceType"},
                        "DisableApiTermination": True,
                    }
                },
            }
            group = copy.deepcopy(generated[f"Slot{like}"])
            text = json.dumps(group).replace(f"Slot{like}Template", f"Slot{slot}Template")
            group = json.loads(text)
            group["DependsOn"] = [f"Slot{slot - 1}"] if slot else []
            properties = group["Properties"]
            properties["VPCZoneIdentifier"] = [self._subnets[slot % len(self._subnets)]]
            properties["TargetGroupARNs"] = [target_group]
            properties["Tags"] = [
                {**tag, "Value": str(slot)} if tag["Key"] == "holdfast:slot" else tag for tag in properties["Tags"]
            ]
            for hook in properties["LifecycleHookSpecificationList"]:
                if "LaunchHookHeartbeatSeconds" in json.dumps(hook):
                    hook["HeartbeatTimeout"] = pace.LAUNCH_HOOK_SECONDS
            rolling = group["UpdatePolicy"]["AutoScalingRollingUpdate"]
            rolling["MinInstancesInService"] = minimum
            rolling["PauseTime"] = pace.PAUSE_TIME
            if minimum == 0:
                rolling.pop("MinActiveInstancesPercent", None)
            resources[f"Slot{slot}"] = group
        parameters = {"ClusterUuid": {"Type": "String"}, "InstanceType": {"Type": "String"}}
        return json.dumps({"Parameters": parameters, "Resources": resources})


class ClusterStack:
    """One cluster's stacks, groups and table."""

    def __init__(self, account: Account, name: str, slots: int, table: str, target_group: str) -> None:
        self._account = account
        self.client = account.client
        self.name = name
        self.slots = slots
        self.table = table
        self.target_group = target_group
        self.stack_id = ""
        self._minimum, self._type = 1, 0

    @property
    def uuid(self) -> str:
        """What the cluster's things are told apart by."""
        return self.stack_id.rsplit("/", 1)[1]

    def create(self) -> None:
        """Create the stacks; the settings come after, for they name them."""
        template = self._root_template(GOOD_TYPES[0], 1)
        made = self.client("cloudformation").create_stack(StackName=self.name, TemplateBody=template)
        self.stack_id = made["StackId"]
        deadline = time.monotonic() + 60
        while (status := self.status()) != "CREATE_COMPLETE":
            if time.monotonic() > deadline or "FAILED" in status or "ROLLBACK" in status:
                raise RuntimeError(f"the stack {self.name} is {status}")
            time.sleep(0.1)
        self._write_settings()
        self.store(dict(Start(int(time.time()), "storm").item()))

    def start_update(self, *, remove_first: bool, instance_type: str = "") -> None:
        """Begin an update that changes every launch template."""
        self._type += 1
        wanted = instance_type or GOOD_TYPES[self._type % len(GOOD_TYPES)]
        self._minimum = 0 if remove_first else 1
        self.client("cloudformation").update_stack(
            StackName=self.name, TemplateBody=self._root_template(wanted, self._minimum)
        )

    def cancel_update(self) -> None:
        """Cancel an update that goes on."""
        self.client("cloudformation").cancel_update_stack(StackName=self.name)

    def terminate(self, instance_id: str) -> None:
        """Terminate an instance as a person does: through its group, where it has one."""
        asked = self.client("autoscaling").describe_auto_scaling_instances(InstanceIds=[instance_id])
        if not asked["AutoScalingInstances"]:
            self.terminate_in_ec2(instance_id)
            return
        self.client("autoscaling").terminate_instance_in_auto_scaling_group(
            InstanceId=instance_id, ShouldDecrementDesiredCapacity=False
        )

    def terminate_in_ec2(self, instance_id: str) -> None:
        """Terminate an instance as a person does, who has to take away its protection first."""
        ec2 = self.client("ec2")
        ec2.modify_instance_attribute(InstanceId=instance_id, DisableApiTermination={"Value": False})
        ec2.terminate_instances(InstanceIds=[instance_id])

    def status(self) -> str:
        """The root's."""
        stacks = self.client("cloudformation").describe_stacks(StackName=self.stack_id)["Stacks"]
        return str(stacks[0]["StackStatus"])

    def launched_type(self) -> str:
        """The instance type that the nested stack's launch templates have."""
        stack = tags_of(self.groups()[0])["aws:cloudformation:stack-id"]
        described = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        given = {each["ParameterKey"]: each["ParameterValue"] for each in described["Parameters"]}
        return str(given["InstanceType"])

    def groups(self) -> list[dict[str, Any]]:
        """The slots' groups, in their order."""
        chosen = [{"Name": "tag:holdfast:cluster", "Values": [self.uuid]}]
        found = self.client("autoscaling").describe_auto_scaling_groups(Filters=chosen)["AutoScalingGroups"]
        return sorted(found, key=lambda group: slot_of(group))

    def items(self) -> dict[str, dict[str, Any]]:
        """The table's items by key, values as DynamoDB gives them."""
        found = self.client("dynamodb").scan(TableName=self.table, ConsistentRead=True)["Items"]
        return {item[TABLE_KEY]["S"]: item for item in found}

    def store(self, item: dict[str, Any]) -> None:
        """Write an item of texts and whole numbers."""
        typed = {name: {"N": str(value)} if isinstance(value, int) else {"S": value} for name, value in item.items()}
        self.client("dynamodb").put_item(TableName=self.table, Item=typed)

    def node_file(self, slot: str) -> dict[str, str]:
        """What an instance's user data writes."""
        return {
            NodeField.CLUSTER: self.uuid,
            NodeField.ROLE: CONTROL_PLANE_ROLE,
            NodeField.SLOT: slot,
            NodeField.REGION: REGION,
            NodeField.TABLE: self.table,
            NodeField.PARAMETERS: parameter_prefix(self.uuid),
        }

    def launch_hook(self) -> str:
        """The name of the hook that holds a new instance."""
        return launching_hook(self.uuid)

    def _root_template(self, instance_type: str, minimum: int) -> str:
        nested = self._account.template(self.slots, minimum, self.table, self.target_group)
        key = f"{self.name}-{minimum}.json"
        self.client("s3").put_object(Bucket=_BUCKET, Key=key, Body=nested.encode())
        uuid = {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}
        properties = {
            "TemplateURL": f"https://{_BUCKET}.s3.amazonaws.com/{key}",
            "Parameters": {"ClusterUuid": uuid, "InstanceType": instance_type},
        }
        return json.dumps(
            {"Resources": {"Controlplane": {"Type": "AWS::CloudFormation::Stack", "Properties": properties}}}
        )

    def _write_settings(self) -> None:
        groups = self.groups()
        assert len(groups) == self.slots, groups
        stack = tags_of(groups[0])["aws:cloudformation:stack-id"]
        values = {
            Setting.CLUSTER_ID: self.stack_id,
            Setting.CLUSTER_NAME: self.name,
            Setting.API_ENDPOINT: _API_NAME,
            Setting.API_EXTRA_NAMES: ",",
            Setting.CONTROL_PLANE_SLOTS: str(self.slots),
            Setting.POD_CIDR: "100.64.0.0/16",
            Setting.SERVICE_CIDR: "172.20.0.0/16",
            Setting.BACKUP_BUCKET: "none",
            Setting.KEY_ARN: self._account._key,
            Setting.CONTROL_PLANE_LOG_GROUP: "none",
            Setting.WORKER_LOG_GROUP: "none",
            Setting.AUDIT_LOG_GROUP: "none",
            Setting.CONTROL_PLANE_STACK: stack,
            Setting.AUTOSCALER_ROLE: "none",
            Setting.ETCD_VOLUME_GIB: "20",
            Setting.PRIVILEGED_NAMESPACES: ",",
            Setting.NETWORK_ENCRYPTION: Encryption.WIREGUARD,
            **dict.fromkeys(ACCESS_SETTINGS.values(), ","),
            Setting.ACCESS_TABLE: "none",
            Setting.TAGS: "{}",
            Setting.STARTUP_TAINTS: ",",
            Setting.ADDONS: "{}",
        }
        assert values.keys() == set(Setting), set(Setting) ^ values.keys()
        for name, value in values.items():
            self.client("ssm").put_parameter(
                Name=f"{parameter_prefix(self.uuid)}/{SETTINGS}/{name}", Value=value, Type="String"
            )

    def delete(self) -> None:
        """Force every group away, so that nothing of this cluster goes on."""
        scaling = self.client("autoscaling")
        for group in self.groups():
            name = group["AutoScalingGroupName"]
            # CloudFormation may be at work on it, too.
            with suppress(ClientError):
                scaling.update_auto_scaling_group(
                    AutoScalingGroupName=name,
                    DeletionProtection="none",
                    InstanceLifecyclePolicy={"RetentionTriggers": {"TerminateHookAbandon": "terminate"}},
                )
                scaling.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)


def tags_of(group: dict[str, Any]) -> dict[str, str]:
    """A group's tags by key."""
    return {tag["Key"]: tag["Value"] for tag in group["Tags"]}


def slot_of(group: dict[str, Any]) -> str:
    """The slot of a group."""
    return tags_of(group)["holdfast:slot"]


def logical_id(slot: str) -> str:
    """Of a slot's group."""
    return slot_group(slot)
