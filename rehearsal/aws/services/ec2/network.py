"""What plain moto gets wrong about VPCs, subnets and their route tables."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.services.patching import around, given


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


@correction(
    "ec2", "CreateNetworkInterface gives addresses that another interface has, and random ones of the gateway's range"
)
def an_address_has_one_interface() -> None:
    from moto.ec2.exceptions import EC2ClientError
    from moto.ec2.models import EC2Backend

    @around(EC2Backend, "create_network_interface")
    def create_network_interface(plain: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        asked = given(plain, self, *args, **kwargs)
        subnet, address = asked["subnet"], asked["private_ip_address"]
        if isinstance(subnet, str):
            subnet = self.get_subnet(subnet)
        if isinstance(address, list):
            address = next(iter(address), None)
        # A list of addresses names its primary one itself.
        if not address and not asked.get("private_ip_addresses"):
            address = subnet.get_available_subnet_ip(instance=None)
        if any(nic.subnet.id == subnet.id and nic.private_ip_address == address for nic in self.enis.values()):
            raise EC2ClientError("InvalidIPAddress.InUse", f"Address {address} is in use.")
        more = asked.pop("kwargs", {})
        made = plain(**(asked | more | {"private_ip_address": address}))
        subnet._subnet_ips.setdefault(made.private_ip_address, made)
        return made

    @around(EC2Backend, "delete_network_interface")
    def delete_network_interface(plain: Any, self: Any, eni_id: str) -> None:
        found = self.enis.get(eni_id)
        plain(self, eni_id)
        if found is not None:
            found.subnet.del_subnet_ip(found.private_ip_address)


@correction("ec2", "A new VPC has no set of DHCP options, and the one of the region does not exist")
def a_vpc_has_the_dhcp_options_of_the_region() -> None:
    """Every VPC starts with the region's default set, which names AmazonProvidedDNS (VPC user guide, "DHCP option sets
    in Amazon VPC"). The set `default` is the absence of one."""
    from moto.ec2.models import EC2Backend
    from moto.ec2.models.vpcs import VPC

    def of_the_region(backend: Any) -> Any:
        found = getattr(backend, "default_dhcp_options", None)
        if found is None:
            domain = "ec2.internal" if backend.region_name == "us-east-1" else f"{backend.region_name}.compute.internal"
            found = backend.create_dhcp_options(domain_name=[domain], domain_name_servers=["AmazonProvidedDNS"])
            backend.default_dhcp_options = found
        return found

    @around(VPC, "dhcp_options_id")
    def dhcp_options_id(plain: Any, self: Any) -> Any:
        if self.dhcp_options is None and not getattr(self, "without_dhcp_options", False):
            return of_the_region(self.ec2_backend).id
        return plain(self)

    @around(EC2Backend, "disassociate_dhcp_options")
    def disassociate_dhcp_options(plain: Any, self: Any, vpc: Any) -> Any:
        vpc.without_dhcp_options = True
        return plain(self, vpc)

    @around(EC2Backend, "associate_dhcp_options")
    def associate_dhcp_options(plain: Any, self: Any, dhcp_options: Any, vpc: Any) -> Any:
        vpc.without_dhcp_options = False
        return plain(self, dhcp_options, vpc)
