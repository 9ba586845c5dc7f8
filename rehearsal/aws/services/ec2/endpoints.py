"""What plain moto gets wrong about VPC endpoints."""

from __future__ import annotations

import json
from typing import Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.partitions import by_region
from rehearsal.aws.services.patching import around, given


def _interface(backend: Any, endpoint: Any, subnet_id: str) -> str:
    """Make an endpoint's interface in a subnet, with an address of that subnet and the endpoint's groups."""
    subnet = backend.get_subnet(subnet_id)
    interface = backend.create_network_interface(
        subnet,
        subnet.get_available_subnet_ip(instance=endpoint),
        group_ids=endpoint.security_group_ids,
        description=f"VPC Endpoint Interface {endpoint.id}",
    )
    interface.interface_type = "vpc_endpoint"
    interface.status = "in-use"
    return str(interface.id)


def _is_interface(endpoint: Any) -> bool:
    return str(endpoint.vpc_endpoint_type or "").lower() == "interface"


@correction("ec2", "An endpoint's interfaces have the default group and addresses outside their subnet")
def endpoint_interfaces_have_groups_and_addresses() -> None:
    from moto.ec2.models import EC2Backend

    @around(EC2Backend, "create_vpc_endpoint")
    def create_vpc_endpoint(plain: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        for group_id in given(plain, self, *args, **kwargs).get("security_group_ids") or []:
            _require_group(self, group_id)
        endpoint = plain(self, *args, **kwargs)
        if _is_interface(endpoint):
            for interface_id in endpoint.network_interface_ids:
                self.enis.pop(interface_id)
            endpoint.network_interface_ids = [
                _interface(self, endpoint, subnet) for subnet in endpoint.subnet_ids or []
            ]
        return endpoint


def _require_group(backend: Any, group_id: str) -> None:
    from moto.ec2.exceptions import InvalidSecurityGroupNotFoundError

    if backend.get_security_group_from_id(group_id) is None:
        raise InvalidSecurityGroupNotFoundError(group_id)


@correction("ec2", "Endpoint services have the names of the commercial regions in every partition")
def endpoint_services_have_the_names_of_their_partition() -> None:
    from moto.ec2.models import EC2Backend

    @around(EC2Backend, "_collect_default_endpoint_services")
    def collect(plain: Any, account_id: str, region: str) -> Any:
        other = {
            f"com.amazonaws.{region}.{service}": f"{prefix}.{region}.{service}"
            for service, prefix in by_region(region).endpoint_prefixes.items()
        }
        named = ((item["ServiceName"], item) for item in plain(account_id, region))
        return [{**item, "ServiceName": other.get(name, name)} for name, item in named]


@correction("ec2", "CreateVpcEndpoint accepts services that the region lacks, and private DNS where the VPC has no DNS")
def an_endpoint_needs_its_service_and_dns() -> None:
    from moto.ec2.exceptions import EC2ClientError, InvalidServiceName
    from moto.ec2.models import EC2Backend
    from moto.ec2.responses.vpcs import VPCs

    @around(VPCs, "create_vpc_endpoint")
    def create_vpc_endpoint(plain: Any, self: Any) -> Any:
        backend, name = self.ec2_backend, self._get_param("ServiceName")
        known = EC2Backend._collect_default_endpoint_services(backend.account_id, self.region)
        if name not in {service["ServiceName"] for service in known}:
            raise InvalidServiceName(name)
        vpc = backend.get_vpc(self._get_param("VpcId"))
        if self._get_param("PrivateDnsEnabled") and not (vpc.enable_dns_support and vpc.enable_dns_hostnames):
            raise EC2ClientError(
                "InvalidParameter",
                "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true "
                f"for {vpc.id}",
            )
        return plain(self)


@correction("ec2", "ModifyVpcEndpoint changes neither interfaces, routes nor private DNS, and cannot reset the policy")
def a_modified_endpoint_changes_what_it_made() -> None:
    from moto.ec2.models.vpcs import VPCEndPoint
    from moto.ec2.responses.vpcs import VPCs

    @around(VPCs, "modify_vpc_endpoint")
    def modify_vpc_endpoint(plain: Any, self: Any) -> Any:
        backend = self.ec2_backend
        answer = plain(self)
        (endpoint,) = backend.describe_vpc_endpoints([self._get_param("VpcEndpointId")])
        if self._get_param("PrivateDnsEnabled") is not None:
            endpoint.private_dns_enabled = self._get_param("PrivateDnsEnabled")
        if self._get_param("ResetPolicy"):
            endpoint.policy_document = json.dumps(VPCEndPoint.DEFAULT_POLICY)
        if _is_interface(endpoint):
            _fit_interfaces(backend, endpoint)
        prefix_list = endpoint.destination_prefix_list_id
        for table in self._get_param("AddRouteTableIds", []) if prefix_list else []:
            backend.create_route(table, None, gateway_id=endpoint.id, destination_prefix_list_id=prefix_list)
        for table in self._get_param("RemoveRouteTableIds", []) if prefix_list else []:
            backend.delete_route(table, prefix_list)
        return answer


def _fit_interfaces(backend: Any, endpoint: Any) -> None:
    kept = []
    for interface_id in endpoint.network_interface_ids:
        interface = backend.enis[interface_id]
        if interface.subnet.id in endpoint.subnet_ids:
            interface._group_set = [backend.get_security_group_from_id(item) for item in endpoint.security_group_ids]
            kept.append(interface)
        else:
            backend.enis.pop(interface_id)
    present = {interface.subnet.id for interface in kept}
    new = [_interface(backend, endpoint, subnet) for subnet in endpoint.subnet_ids if subnet not in present]
    endpoint.network_interface_ids = [interface.id for interface in kept] + new


@correction("ec2", "A deleted endpoint is described for ever, and one that does not exist is deleted with success")
def a_deleted_endpoint_is_gone() -> None:
    from moto.core.responses import ActionResult
    from moto.ec2.models import EC2Backend
    from moto.ec2.responses.vpcs import VPCs

    @around(EC2Backend, "delete_vpc_endpoints")
    def delete_vpc_endpoints(plain: Any, self: Any, vpce_ids: list[str] | None = None) -> None:
        plain(self, vpce_ids)
        for endpoint_id in vpce_ids or []:
            self.vpc_end_points.pop(endpoint_id, None)

    @around(VPCs, "delete_vpc_endpoints")
    def delete(plain: Any, self: Any) -> Any:
        asked = self._get_param("VpcEndpointIds", [])
        unknown = [endpoint_id for endpoint_id in asked if endpoint_id not in self.ec2_backend.vpc_end_points]
        self.ec2_backend.delete_vpc_endpoints(vpce_ids=asked)
        code = "InvalidVpcEndpointId.NotFound"
        failures = [
            {"ResourceId": item, "Error": {"Code": code, "Message": f"The Vpc Endpoint Id '{item}' does not exist"}}
            for item in unknown
        ]
        return ActionResult({"Unsuccessful": failures})


@correction("ec2", "DescribeVpcEndpoints knows no filter for the endpoint's id")
def endpoints_are_found_by_id() -> None:
    from moto.ec2.models.vpcs import VPCEndPoint

    @around(VPCEndPoint, "get_filter_value")
    def get_filter_value(plain: Any, self: Any, filter_name: str, method_name: str | None = None) -> Any:
        return self.id if filter_name == "vpc-endpoint-id" else plain(self, filter_name, method_name)
