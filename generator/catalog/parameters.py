"""The parameters of the catalog stack, in the order in which the console shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from troposphere import Template

from generator.image.kinds import Given, given
from generator.parameters import Parameters
from generator.root_parameters.patterns import IAM_NAME, PARTITION
from generator.values import BucketName, PolicyArn, RolePath

# Each has a parameter of its own. Of a list that is cut into pieces one that leaves would move the others to other
# resources, and the deletion of one resource would undo what another has just made.
MAX_PRINCIPALS = 5
MAX_TAG_VALUES = 5
# What the policies of the launch role have room for (launch_role.py).
LONGEST_PATH = 64
LONGEST_PREFIX = 128
LONGEST_BOUNDARY = 256

_PRINCIPAL = f"{PARTITION}:iam::[0-9]{{12}}:(role|user|group)/.+"
# Of the keys and values of tags in Service Catalog, as the API takes them (CreateTagOption), in ASCII.
_TAG_TEXT = r"[A-Za-z0-9_ .:/=+@-]{1,128}"


@dataclass(frozen=True)
class CatalogParameters:
    """Of principals and of a tag's values the first ones are named without a number."""

    principal_arns: Sequence[Given]
    portfolio_name: Given
    owner: Given
    support_email: Given
    support_url: Given
    template_bucket: BucketName
    template_prefix: Given
    template_key_arn: Given
    first_version: Given
    first_template_url: Given
    first_description: Given
    role_path: RolePath
    permissions_boundary_arn: PolicyArn
    tag_key: Given
    tag_values: Sequence[Given]


def declare(template: Template) -> CatalogParameters:
    """Every parameter."""
    parameters = Parameters(template)
    declared = CatalogParameters(
        principal_arns=[_principal(parameters, number) for number in range(1, MAX_PRINCIPALS + 1)],
        template_bucket=parameters.add(
            "Templates",
            "TemplateBucket",
            BucketName,
            "Bucket",
            "Name of the S3 bucket of `make publish`, from which the launch role reads templates and code",
            AllowedPattern="^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
            ConstraintDescription="must be the name of a bucket",
        ),
        template_prefix=parameters.add(
            "Templates",
            "TemplatePrefix",
            Given,
            "Prefix",
            "What the keys of templates and code begin with, without a slash at its ends; empty for the whole bucket",
            Default="",
            AllowedPattern="^([A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*)?$",
            MaxLength=LONGEST_PREFIX,
            ConstraintDescription="must be empty or words of letters, digits and ._- with slashes between them",
        ),
        template_key_arn=given(
            parameters,
            "Templates",
            "TemplateKeyArn",
            "KMS key",
            "ARN of the KMS key that encrypts the bucket, where it is one of yours; empty otherwise",
            f"{PARTITION}:kms:[a-z0-9-]+:[0-9]{{12}}:key/[A-Za-z0-9-]+",
            "the ARN of a KMS key",
        ),
        first_version=parameters.add(
            "First version",
            "FirstVersion",
            Given,
            "Version",
            "Name of the version with which the product begins; never changed later",
            AllowedPattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$",
            ConstraintDescription="must be a name of letters, digits and ._+-",
        ),
        first_template_url=parameters.add(
            "First version",
            "FirstTemplateUrl",
            Given,
            "Template",
            "URL of its packaged root template in the bucket; never changed later",
            AllowedPattern="^https?://[^?]+$",
            ConstraintDescription="must be a URL without a query",
        ),
        first_description=parameters.add(
            "First version",
            "FirstDescription",
            Given,
            "Description",
            "What it is, for whoever launches it; never changed later",
            Default="",
            MaxLength=1024,
        ),
        permissions_boundary_arn=parameters.add(
            "Launch role",
            "PermissionsBoundaryArn",
            PolicyArn,
            "Permissions boundary",
            "ARN of the managed policy that has to be the permissions boundary of every role of every cluster",
            AllowedPattern=f"^{PARTITION}:iam::([0-9]{{12}}|aws):policy/({IAM_NAME}+/)*{IAM_NAME}{{1,128}}$",
            MaxLength=LONGEST_BOUNDARY,
            ConstraintDescription="must be the ARN of a managed policy",
        ),
        role_path=parameters.add(
            "Launch role",
            "RolePath",
            RolePath,
            "IAM role path",
            "IAM path below which clusters have their roles, instance profiles and managed policies, and nobody else",
            Default="/holdfast/",
            # Not the slash alone, which would be every role of the account.
            AllowedPattern=f"^/({IAM_NAME}+/)+$",
            MaxLength=LONGEST_PATH,
            ConstraintDescription="must start and end with a slash, and hold letters, digits and +=,.@_- between",
        ),
        portfolio_name=_text(
            parameters, "PortfolioName", "Portfolio", "Name of the portfolio", "Kubernetes clusters", 100
        ),
        owner=_text(parameters, "Owner", "Owner", "Who offers the product; never changed later", "Platform team", 50),
        support_email=given(
            parameters,
            "Portfolio and product",
            "SupportEmail",
            "Support by mail",
            "Mail address of whoever supports the product; empty for none; never changed later",
            "[^@ ]+@[^@ ]+",
            "a mail address",
        ),
        support_url=given(
            parameters,
            "Portfolio and product",
            "SupportUrl",
            "Support page",
            "URL of the page of whoever supports the product; empty for none; never changed later",
            "https?://.+",
            "a URL",
        ),
        tag_key=parameters.add(
            "Tags",
            "TagOptionKey",
            Given,
            "Tag key",
            "Key of a tag that everything of a launched cluster gets, where there are values",
            Default="CostCenter",
            AllowedPattern=f"^{_TAG_TEXT}$",
            ConstraintDescription="must be the key of a tag",
        ),
        tag_values=[_tag_value(parameters, number) for number in range(1, MAX_TAG_VALUES + 1)],
    )
    parameters.add_interface()
    return declared


def _text(parameters: Parameters, name: str, label: str, description: str, default: str, longest: int) -> Given:
    return parameters.add(
        "Portfolio and product", name, Given, label, description, Default=default, MinLength=1, MaxLength=longest
    )


def _principal(parameters: Parameters, number: int) -> Given:
    what = "ARN of a role, a user or a group of this account that sees and launches the product"
    allowed = "the ARN of a role, a user or a group"
    if number > 1:
        name, label = f"PrincipalArn{number}", f"Principal {number}"
        return given(parameters, "Who launches", name, label, f"{what}; empty for none", _PRINCIPAL, allowed)
    return parameters.add(
        "Who launches",
        "PrincipalArn",
        Given,
        "Principal",
        what,
        AllowedPattern=f"^{_PRINCIPAL}$",
        ConstraintDescription=f"must be {allowed}",
    )


def _tag_value(parameters: Parameters, number: int) -> Given:
    place = "" if number == 1 else str(number)
    return given(
        parameters,
        "Tags",
        f"TagOptionValue{place}",
        f"Tag value {place}".strip(),
        "A value of the tag; of several whoever launches chooses one; empty for none",
        _TAG_TEXT,
        "the value of a tag",
    )
