"""What plain moto gets wrong about network load balancers."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.partitions import by_region
from rehearsal.aws.services.patching import around, given


@correction("elbv2", "A network load balancer has the ARN and DNS name of an application load balancer")
def a_network_balancer_has_its_own_names() -> None:
    from moto.elbv2.models import ELBv2Backend

    @around(ELBv2Backend, "create_load_balancer")
    def create_load_balancer(plain: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        balancer = plain(self, *args, **kwargs)
        if balancer.type == "network":
            tags = self.tagging_service.list_tags_for_resource(balancer.arn)["Tags"]
            del self.load_balancers[balancer.arn]
            self.tagging_service.delete_all_tags_for_resource(balancer.arn)
            balancer.arn = balancer.arn.replace(":loadbalancer/app/", ":loadbalancer/net/")
            identity = balancer.arn.rpartition("/")[2]
            balancer.dns_name = (
                f"{balancer.name}-{identity}.elb.{self.region_name}.{by_region(self.region_name).domain}"
            )
            self.load_balancers[balancer.arn] = balancer
            self.tagging_service.tag_resource(balancer.arn, tags)
        return balancer


@correction("elbv2", "A network load balancer that was made without security groups accepts some later")
def a_network_balancer_never_gets_its_first_group() -> None:
    from moto.elbv2.exceptions import InvalidConfigurationRequest
    from moto.elbv2.models import ELBv2Backend

    @around(ELBv2Backend, "set_security_groups")
    def set_security_groups(plain: Any, self: Any, arn: str, sec_groups: list[str]) -> None:
        balancer = self.load_balancers.get(arn)
        if balancer is not None and balancer.type == "network" and sec_groups and not balancer.security_groups:
            raise InvalidConfigurationRequest(
                "You cannot set security groups on a Network Load Balancer that was created without any"
            )
        plain(self, arn, sec_groups)


@correction("elbv2", "CreateLoadBalancer accepts security groups that do not exist")
def a_balancer_needs_groups_that_exist() -> None:
    from moto.elbv2.exceptions import ELBClientError
    from moto.elbv2.models import ELBv2Backend

    @around(ELBv2Backend, "create_load_balancer")
    def create_load_balancer(plain: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        for group in given(plain, self, *args, **kwargs).get("security_groups") or []:
            if self.ec2_backend.get_security_group_from_id(group) is None:
                raise ELBClientError("InvalidSecurityGroup", f"Security group '{group}' does not exist")
        return plain(self, *args, **kwargs)


@correction("elbv2", "A load balancer with deletion protection is deleted")
def a_protected_balancer_is_not_deleted() -> None:
    from moto.elbv2.exceptions import ELBClientError
    from moto.elbv2.models import ELBv2Backend

    @around(ELBv2Backend, "delete_load_balancer")
    def delete_load_balancer(plain: Any, self: Any, arn: str) -> None:
        balancer = self.load_balancers.get(arn)
        if balancer is not None and str(balancer.attrs.get("deletion_protection.enabled")).lower() == "true":
            raise ELBClientError(
                "OperationNotPermitted",
                f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled",
            )
        plain(self, arn)


@correction(
    "elbv2", "ModifyTargetGroup drops the status codes of a TCP target group with an HTTP or HTTPS health check"
)
def a_tcp_target_group_keeps_its_status_codes() -> None:
    from moto.elbv2.models import ELBv2Backend

    @around(ELBv2Backend, "modify_target_group")
    def modify_target_group(plain: Any, self: Any, arn: str, *args: Any, **kwargs: Any) -> Any:
        group = plain(self, arn, *args, **kwargs)
        codes = given(plain, self, arn, *args, **kwargs).get("http_codes")
        if codes and group.health_check_protocol in ("HTTP", "HTTPS"):
            group.matcher = {"HttpCode": codes}
        return group


@correction("elbv2", "An HTTP check of a TCP target group expects status 200 when it names none, and not 200 to 399")
def a_tcp_target_group_takes_redirects_for_health() -> None:
    from moto.elbv2.models import ELBv2Backend

    @around(ELBv2Backend, "create_target_group")
    def create_target_group(plain: Any, self: Any, name: str, **kwargs: Any) -> Any:
        group = plain(self, name, **kwargs)
        named = (kwargs.get("matcher") or {}).get("HttpCode")
        if not named and group.protocol == "TCP" and group.health_check_protocol in ("HTTP", "HTTPS"):
            group.matcher = {"HttpCode": "200-399"}
        return group
