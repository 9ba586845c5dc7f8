"""Which rights of the launch role a run has used.

An action is used when it was called by the role, or when the schema of a resource type lists it for a handler that was
invoked: `permissions` are what the handler has to be allowed (CloudFormation CLI user guide, "Resource type schema"),
also where the local AWS makes do with fewer calls.
"""

from __future__ import annotations

from collections.abc import Iterable

from generator.catalog import launch_role
from rehearsal.aws.cloudformation.invoked import Handler
from tests.catalog_team import Team
from tests.templates import deployer_handlers

_BY_THE_GUIDE = "Service Catalog calls it by the role (administrator guide, step 6 of getting started)"
_BY_A_WILDCARD = "of what the schema of groups names with a wildcard, it reads the property "
KEPT: dict[str, str] = {
    "autoscaling:DescribeAutoScalingInstances": f"{_BY_A_WILDCARD}LaunchTemplate, which instances may not have yet",
    "autoscaling:DescribeLifecycleHooks": f"{_BY_A_WILDCARD}LifecycleHookSpecificationList",
    "autoscaling:DescribeLoadBalancerTargetGroups": f"{_BY_A_WILDCARD}TargetGroupARNs",
    "autoscaling:DescribeTags": f"{_BY_A_WILDCARD}Tags",
    "cloudformation:DescribeStackEvents": _BY_THE_GUIDE,
    "cloudformation:GetTemplateSummary": _BY_THE_GUIDE,
    "cloudformation:SetStackPolicy": _BY_THE_GUIDE,
    "cloudformation:TagResource": "CloudFormation asks for it where a stack gets tags; the local one does not",
    "cloudformation:ValidateTemplate": _BY_THE_GUIDE,
    "ec2:DescribeCapacityReservations": f"{_BY_A_WILDCARD}LaunchTemplate, whose instances may be reserved",
    "ec2:DescribeInstanceTypes": f"{_BY_A_WILDCARD}LaunchTemplate, which names a type",
    "ec2:DescribeLaunchTemplateVersions": f"{_BY_A_WILDCARD}LaunchTemplate, which names a version",
}
"""What the launch role has though no run has used it, each with its reason. Nothing else."""


def allowed() -> set[str]:
    """All that it may do."""
    return launch_role.actions()


def used(team: Team) -> set[str]:
    """What a run has used of it."""
    return team.used() | by_handlers(team.invoked())


def by_handlers(invoked: Iterable[tuple[str, Handler]]) -> set[str]:
    """What these handlers need for the properties that templates set, but for wildcards."""
    return {
        action
        for kind, handler in invoked
        for action in deployer_handlers.needed(kind, handler)
        if not action.endswith("*") and not deployer_handlers.reasons(kind, action)
    }
