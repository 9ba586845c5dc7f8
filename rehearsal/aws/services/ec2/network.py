"""What plain moto gets wrong about VPCs, subnets and their route tables."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.services.patching import around


@correction("ec2", "DeleteSubnet deletes a subnet that holds network interfaces")
def a_used_subnet_is_not_deleted() -> None:
    from moto.ec2.exceptions import DependencyViolationError
    from moto.ec2.models import EC2Backend

    @around(EC2Backend, "delete_subnet")
    def delete_subnet(plain: Any, self: Any, subnet_id: str) -> Any:
        if any(interface.subnet.id == subnet_id for interface in self.enis.values()):
            raise DependencyViolationError(f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")
        return plain(self, subnet_id)


@correction("ec2", "DeleteVpc deletes a VPC that still has security groups or endpoints")
def a_used_vpc_is_not_deleted() -> None:
    from moto.ec2.exceptions import DependencyViolationError
    from moto.ec2.models import EC2Backend

    @around(EC2Backend, "delete_vpc")
    def delete_vpc(plain: Any, self: Any, vpc_id: str) -> Any:
        groups = [group for group in self.groups.get(vpc_id, {}).values() if group.name != "default"]
        endpoints = [endpoint for endpoint in self.vpc_end_points.values() if endpoint.vpc_id == vpc_id]
        if groups or any(endpoint.state != "deleted" for endpoint in endpoints):
            raise DependencyViolationError(f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")
        return plain(self, vpc_id)


@correction("ec2", "AssociateRouteTable gives the old association for a subnet that already has another route table")
def a_subnet_has_one_route_table() -> None:
    from moto.ec2.exceptions import EC2ClientError
    from moto.ec2.models import EC2Backend

    @around(EC2Backend, "associate_route_table")
    def associate_route_table(
        plain: Any, self: Any, route_table_id: str, gateway_id: str | None = None, subnet_id: str | None = None
    ) -> Any:
        for table in self.route_tables.values():
            if subnet_id in table._associations.values() and table.id != route_table_id:
                raise EC2ClientError(
                    "Resource.AlreadyAssociated",
                    f"the specified subnet {subnet_id} is already associated with {table.id}",
                )
        return plain(self, route_table_id, gateway_id, subnet_id)
