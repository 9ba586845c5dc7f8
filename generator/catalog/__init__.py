"""The catalog stack: a portfolio of Service Catalog whose product launches the packaged templates of a cluster.

The template is the same for every configuration: what is launched is a version of the product, and versions are
published (docs/decisions/0035).
"""

from __future__ import annotations

import json
from typing import Any

from troposphere import Equals, GetAtt, If, Join, Not, NoValue, Output, Ref, StackName, Sub, Template
from troposphere import servicecatalog as sc

from coordination.names import CatalogOutput
from generator import rendering
from generator.catalog import actions, launch_role
from generator.catalog.parameters import CatalogParameters, declare

FILE = "catalog.json"
"""The template's file, beside those of a cluster."""


def templates() -> dict[str, str]:
    """File name -> JSON text; the same bytes always."""
    return {FILE: rendering.text(build())}


def build() -> Template:
    """The template."""
    template = Template(
        Description="Kubernetes on EC2 as a product of AWS Service Catalog: portfolio, product, launch role"
    )
    template.set_version("2010-09-09")
    given = declare(template)
    _add_conditions(template, given)
    _add_rules(template)

    done_by_teams, automation_role = actions.add(template)
    portfolio = template.add_resource(
        sc.Portfolio(
            "Portfolio",
            DisplayName=given.portfolio_name,
            Description="Self-managed Kubernetes clusters on EC2",
            ProviderName=given.owner,
        )
    )
    product = template.add_resource(
        sc.CloudFormationProduct(
            "Product",
            Name=StackName,
            Owner=given.owner,
            Description="A self-managed, self-healing Kubernetes cluster on EC2",
            SupportEmail=If("HasSupportEmail", given.support_email, NoValue),
            SupportUrl=If("HasSupportUrl", given.support_url, NoValue),
            # `make publish` gives them to each version, so in a deletion the versions have to go first.
            DependsOn=[each.title for each in done_by_teams],
            # The rest is published. Nothing of this resource may change then: no page says what an update leaves of
            # versions that it does not know.
            ProvisioningArtifactParameters=[
                sc.ProvisioningArtifactProperties(
                    Name=given.first_version,
                    Description=If("HasDescription", given.first_description, NoValue),
                    Info=sc.Info(LoadTemplateFromURL=given.first_template_url),
                )
            ],
        )
    )
    offered = template.add_resource(
        sc.PortfolioProductAssociation("Offer", PortfolioId=Ref(portfolio), ProductId=Ref(product))
    )
    role = launch_role.add(template, given)
    of_offer: dict[str, Any] = {
        "PortfolioId": Ref(portfolio),
        "ProductId": Ref(product),
        "DependsOn": [offered.title],
    }
    launch = template.add_resource(
        sc.LaunchRoleConstraint(
            "LaunchConstraint",
            Description="Clusters are made by the launch role, whoever launches them",
            RoleArn=launch_role.arn(role),
            **of_offer,
        )
    )
    template.add_resource(
        sc.LaunchTemplateConstraint(
            "TemplateConstraint",
            Description="Roles of clusters stand below the path, and have the permissions boundary",
            Rules=Sub(json.dumps(_CONSTRAINT)),
            **of_offer,
        )
    )
    for number, principal in enumerate(given.principal_arns, start=1):
        template.add_resource(
            sc.PortfolioPrincipalAssociation(
                f"Principal{number}",
                Condition=f"HasPrincipal{number}",
                PortfolioId=Ref(portfolio),
                PrincipalARN=principal,
                PrincipalType="IAM",
                # Before that whoever launches would do so by his own rights.
                DependsOn=[launch.title],
            )
        )
    _add_tags(template, given, product)
    for output, description, value in (
        (CatalogOutput.PRODUCT, "ID of the product, to which versions are published", Ref(product)),
        (CatalogOutput.PORTFOLIO, "ID of the portfolio", Ref(portfolio)),
        (
            CatalogOutput.ACTIONS,
            "IDs of the service actions that published versions have, separated by commas",
            Join(",", [Ref(each) for each in done_by_teams]),
        ),
        (
            CatalogOutput.AUTOMATION_ROLE,
            "ARN of the role by which service actions work: for the parameter KeyOperatorArns of whoever launches",
            GetAtt(automation_role, "Arn"),
        ),
        (
            CatalogOutput.TEMPLATES,
            "Where published templates and code have to lie: what the launch role may read",
            If("HasPrefix", Sub("${TemplateBucket}/${TemplatePrefix}/"), Sub("${TemplateBucket}/")),
        ),
    ):
        template.add_output(Output(output.value, Description=description, Value=value))
    return template


# Rules of Service Catalog have the form of a template's own, as JSON in a text (administrator guide, "Template
# constraint rules"). They are asked of whoever launches or updates.
_CONSTRAINT: dict[str, Any] = {
    "Boundary": {
        "Assertions": [
            {
                "Assert": {"Fn::Equals": [{"Ref": "PermissionsBoundaryArn"}, "${PermissionsBoundaryArn}"]},
                "AssertDescription": "PermissionsBoundaryArn has to be ${PermissionsBoundaryArn}",
            }
        ]
    },
    "Path": {
        "Assertions": [
            {
                "Assert": {"Fn::Equals": [{"Ref": "RolePath"}, "${RolePath}"]},
                "AssertDescription": "RolePath has to be ${RolePath}",
            }
        ]
    },
}


def _add_conditions(template: Template, given: CatalogParameters) -> None:
    for name, value in (
        ("HasPrefix", given.template_prefix),
        ("HasSupportEmail", given.support_email),
        ("HasSupportUrl", given.support_url),
        ("HasDescription", given.first_description),
    ):
        template.add_condition(name, Not(Equals(value, "")))
    for about, values in (("Principal", given.principal_arns), ("Tag", given.tag_values)):
        for number, value in enumerate(values, start=1):
            template.add_condition(f"Has{about}{number}", Not(Equals(value, "")))


def _add_rules(template: Template) -> None:
    """The launch role stands outside of the path where it has rights."""
    outside = {"Fn::Not": [{"Fn::Equals": [{"Ref": "RolePath"}, launch_role.PATH]}]}
    text = f"RolePath cannot be {launch_role.PATH}, where the launch role stands"
    template.add_rule("PathOfClusters", {"Assertions": [{"Assert": outside, "AssertDescription": text}]})


def _add_tags(template: Template, given: CatalogParameters, product: sc.CloudFormationProduct) -> None:
    for number, value in enumerate(given.tag_values, start=1):
        wanted = f"HasTag{number}"
        option = template.add_resource(
            sc.TagOption(f"Tag{number}", Condition=wanted, Key=given.tag_key, Value=value, Active=True)
        )
        template.add_resource(
            sc.TagOptionAssociation(
                f"TagOfProduct{number}", Condition=wanted, ResourceId=Ref(product), TagOptionId=Ref(option)
            )
        )
