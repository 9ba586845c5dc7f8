"""Operations on templates alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rehearsal.aws.cloudformation import schemas
from rehearsal.aws.cloudformation.api_base import CloudFormationBase
from rehearsal.aws.cloudformation.errors import ValidationError
from rehearsal.aws.cloudformation.intrinsics import text_of
from rehearsal.aws.cloudformation.requests import template_of
from rehearsal.aws.cloudformation.template import Template, type_of
from rehearsal.aws.cloudformation.validation import required_capabilities, validate
from rehearsal.aws.cloudformation.views import without_absent
from rehearsal.aws.protocol import RequestContext

CONSTRAINTS = "AllowedValues AllowedPattern MinLength MaxLength MinValue MaxValue ConstraintDescription".split()


class TemplateOperations(CloudFormationBase):
    """ValidateTemplate, GetTemplate and GetTemplateSummary."""

    def validate_template(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        """Check a template without making anything."""
        template = template_of(self.reading(context), request, None)
        validate(template)
        shown = [
            without_absent(
                {
                    "ParameterKey": name,
                    "DefaultValue": text_of(each["Default"]) if "Default" in each else None,
                    "NoEcho": _no_echo(each),
                    "Description": each.get("Description"),
                }
            )
            for name, each in template.parameters.items()
        ]
        return {"Parameters": shown, **_described(template)}

    def get_template(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        """The text of a stack's or a change set's template."""
        stack = self.store.find(context.region, request["StackName"]) if request.get("StackName") else None
        if request.get("ChangeSetName"):
            template = self.change_sets.find(context.region, request["ChangeSetName"], stack).target.template
        elif stack is None or stack.target is None:
            raise ValidationError(f"Stack with id {request.get('StackName')} does not exist")
        else:
            template = stack.target.template
        return {"TemplateBody": template.body, "StagesAvailable": ["Original", "Processed"]}

    def get_template_summary(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        """What a template takes and makes."""
        if request.get("StackName"):
            stack = self.store.get(context.region, request["StackName"])
            if stack.target is None:
                raise ValidationError(f"Stack {stack.name} has no template yet")
            template = stack.target.template
        else:
            template = template_of(self.reading(context), request, None)
        types = sorted({type_of(each) for each in template.resources.values()})
        metadata = template.document.get("Metadata")
        return {
            "Parameters": [_declaration(name, each) for name, each in template.parameters.items()],
            "ResourceTypes": types,
            "Version": "2010-09-09",
            "ResourceIdentifierSummaries": [_identifiers(template, each) for each in types],
            **_described(template),
            **({"Metadata": json.dumps(metadata)} if metadata else {}),
        }


def _described(template: Template) -> dict[str, Any]:
    capabilities, types = required_capabilities([template])
    return without_absent(
        {
            "Description": template.description,
            "Capabilities": capabilities,
            "CapabilitiesReason": (
                f"The following resource(s) require capabilities: [{', '.join(types)}]" if capabilities else None
            ),
            "DeclaredTransforms": [],
        }
    )


def _no_echo(declaration: Mapping[str, Any]) -> bool:
    return str(declaration.get("NoEcho", False)).lower() == "true"


def _declaration(name: str, declaration: Mapping[str, Any]) -> dict[str, Any]:
    constraints = {
        key: [text_of(each) for each in declaration[key]] if key == "AllowedValues" else text_of(declaration[key])
        for key in CONSTRAINTS
        if key in declaration
    }
    return without_absent(
        {
            "ParameterKey": name,
            "DefaultValue": text_of(declaration["Default"]) if "Default" in declaration else None,
            "ParameterType": declaration["Type"],
            "NoEcho": _no_echo(declaration),
            "Description": declaration.get("Description"),
            "ParameterConstraints": constraints,
        }
    )


def _identifiers(template: Template, type_name: str) -> dict[str, Any]:
    return {
        "ResourceType": type_name,
        "LogicalResourceIds": [name for name, each in template.resources.items() if type_of(each) == type_name],
        "ResourceIdentifiers": list(schemas.schema_of(type_name).primary_identifier),
    }
