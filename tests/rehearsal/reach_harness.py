"""A VPC of the local AWS with endpoints and an instance that calls through them."""

from __future__ import annotations

import itertools
import json
from typing import Any

from rehearsal.aws.server import LocalAws
from rehearsal.aws.sessions import Session
from tests.rehearsal.loopback_vpc import LoopbackVpc, listener

numbers = itertools.count()


class ReachHarness:
    """A VPC with one instance, whose role may do anything; calls from inside come in through a port of their own."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self.vpc = LoopbackVpc(aws)
        self.nodes, self.endpoints = self.vpc.group("nodes"), self.vpc.group("endpoints")
        self.let_in()
        self.instance_id, self.address = self.vpc.launch(SecurityGroupIds=[self.nodes])
        self.role = self._role()
        # The local AWS has a copy of its own.
        with listener() as bound:
            self.port = bound.getsockname()[1]
            aws.serve_inside(bound, self.vpc.vpc_id)

    def let_in(self) -> None:
        self.vpc.ec2.authorize_security_group_ingress(GroupId=self.endpoints, IpPermissions=[https(self.nodes)])

    def keep_out(self) -> None:
        self.vpc.ec2.revoke_security_group_ingress(GroupId=self.endpoints, IpPermissions=[https(self.nodes)])

    def endpoint(self, service: str, **more: Any) -> str:
        """A new interface endpoint in the first subnet."""
        return self._endpoint(
            service,
            VpcEndpointType="Interface",
            SubnetIds=self.vpc.subnets[:1],
            SecurityGroupIds=[self.endpoints],
            **{"PrivateDnsEnabled": True, **more},
        )

    def gateway(self, service: str, *tables: str) -> str:
        """A new gateway endpoint with a route in these tables."""
        return self._endpoint(service, VpcEndpointType="Gateway", RouteTableIds=list(tables))

    def client(self, service: str, region: str | None = None, address: str = "") -> Any:
        return self.vpc.client(service, address or self.address, self.port, self.role, region)

    def main_table(self) -> str:
        filters = [{"Name": "vpc-id", "Values": [self.vpc.vpc_id]}, {"Name": "association.main", "Values": ["true"]}]
        return str(self.vpc.ec2.describe_route_tables(Filters=filters)["RouteTables"][0]["RouteTableId"])

    def _endpoint(self, service: str, **more: Any) -> str:
        made = self.vpc.ec2.create_vpc_endpoint(
            VpcId=self.vpc.vpc_id, ServiceName=f"com.amazonaws.{self.aws.region}.{service}", **more
        )
        return str(made["VpcEndpoint"]["VpcEndpointId"])

    def _role(self) -> Session:
        iam, name = self.aws.client("iam"), f"node-{next(numbers)}"
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
        iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=document)
        return self.aws.sessions.issue(role, self.instance_id, 3600, vpc_id=self.vpc.vpc_id, private_ip=self.address)


def https(group: str) -> dict[str, Any]:
    """The permission of HTTPS to or from a group."""
    return {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [{"GroupId": group}]}
