"""The account itself: who asks, and the service-linked role of Auto Scaling."""

from __future__ import annotations

from collections.abc import Iterator

from botocore.exceptions import ClientError

from deployment import aws
from deployment.aws import Aws
from deployment.preflight.finding import About, Finding, Topic

_SCALING_ROLE = "AWSServiceRoleForAutoScaling"
CREDENTIALS = About(Topic.ACCOUNT, "credentials")


def check(account: Aws) -> list[Finding]:
    """The service-linked role."""
    about = About(Topic.ACCOUNT, "role of Auto Scaling")
    return about.answered(lambda: _scaling_role(account, about))


def _scaling_role(account: Aws, about: About) -> Iterator[Finding]:
    """The key policy lets this role start instances with encrypted volumes.

    The first group of an account makes it, if whoever deploys may: its first launch may fail then, and is repeated.
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/autoscaling-service-linked-role.html
    """
    try:
        account.client("iam").get_role(RoleName=_SCALING_ROLE)
    except ClientError as error:
        if aws.code(error) != "NoSuchEntity":
            raise
        yield about.note(
            f"{_SCALING_ROLE} does not exist yet: the first group makes it, if whoever deploys may call "
            "iam:CreateServiceLinkedRole",
            "aws iam create-service-linked-role --aws-service-name autoscaling.amazonaws.com",
        )
    else:
        yield about.ok(_SCALING_ROLE)
