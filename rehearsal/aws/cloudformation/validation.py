"""Checking a whole template before anything is made: references, circles, capabilities, and what is supported here.

A resource type, property, attribute or function that the local AWS does not know is refused by name, in nested
templates too: a stack never says CREATE_COMPLETE for something that was not made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from rehearsal.aws.cloudformation import schemas
from rehearsal.aws.cloudformation.custom_resources import is_custom
from rehearsal.aws.cloudformation.errors import InsufficientCapabilities, TemplateError, ValidationError
from rehearsal.aws.cloudformation.intrinsics import PSEUDO_PARAMETERS
from rehearsal.aws.cloudformation.model import STACK_TYPE, Stack
from rehearsal.aws.cloudformation.provider import provider_for
from rehearsal.aws.cloudformation.references import cycle, depends_on, references
from rehearsal.aws.cloudformation.signals import SIGNALLED_TYPES
from rehearsal.aws.cloudformation.template import Template, parse, properties_of, type_of

FUNCTIONS = frozenset(
    "Fn::And Fn::Base64 Fn::Cidr Fn::Equals Fn::FindInMap Fn::GetAZs Fn::GetAtt Fn::If Fn::Join Fn::Not Fn::Or "
    "Fn::Select Fn::Split Fn::Sub".split()
)
STACK_PROPERTIES = frozenset({"TemplateURL", "Parameters", "Tags", "TimeoutInMinutes"})
NAMED_IAM = {
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
}
OTHER_IAM = frozenset(
    "AWS::IAM::AccessKey AWS::IAM::GroupPolicy AWS::IAM::Policy AWS::IAM::RolePolicy AWS::IAM::UserPolicy "
    "AWS::IAM::UserToGroupAddition".split()
)


def validate(template: Template) -> None:
    """Check one template by itself. Raises ValidationError, with CloudFormation's text where it has one."""
    _check_references(template)
    after = {
        name: ({each.name for each in references(definition)} | set(depends_on(definition))) & set(template.resources)
        for name, definition in template.resources.items()
    }
    circle = cycle(after)
    if circle:
        raise ValidationError(f"Circular dependency between resources: [{', '.join(circle)}]")
    for name, definition in template.resources.items():
        _check_supported(name, definition)
        _check_creation_policy(name, definition)
    _check_attributes(template)


def validate_tree(template: Template, fetch: Callable[[str], str], depth: int = 0) -> list[Template]:
    """Check a template and those nested in it as far as their URLs are literal; returns all of them."""
    validate(template)
    checked = [template]
    for name, definition in template.resources.items():
        url = properties_of(definition).get("TemplateURL")
        if type_of(definition) != STACK_TYPE or not isinstance(url, str):
            continue
        if depth >= 5:
            raise ValidationError(f"nested stack {name}: stacks are nested more than 5 deep")
        try:
            checked += validate_tree(parse(fetch(url)), fetch, depth + 1)
        except ValidationError as error:
            raise ValidationError(f"{error.message} (in the template of nested stack {name})") from None
    return checked


def required_capabilities(templates: Iterable[Template]) -> tuple[list[str], list[str]]:
    """The capabilities that templates need, and the resource types that need them."""
    types: set[str] = set()
    named = False
    for template in templates:
        for definition in template.resources.values():
            type_name = type_of(definition)
            if type_name in NAMED_IAM or type_name in OTHER_IAM:
                types.add(type_name)
                named = named or NAMED_IAM.get(type_name) in properties_of(definition)
    if not types:
        return [], []
    return ["CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM"], sorted(types)


def check_capabilities(templates: Iterable[Template], acknowledged: Iterable[str]) -> None:
    """Raise InsufficientCapabilities unless the caller acknowledged what the templates need."""
    needed, _ = required_capabilities(templates)
    given = set(acknowledged)
    if "CAPABILITY_NAMED_IAM" in given:
        given.add("CAPABILITY_IAM")
    missing = [each for each in needed if each not in given]
    if missing:
        raise InsufficientCapabilities(f"Requires capabilities : [{', '.join(missing)}]")


def refuse_type_changes(stack: Stack, template: Template) -> None:
    """Raise ValidationError when a resource of the stack would become one of another type."""
    changed = sorted(
        name
        for name, resource in stack.resources.items()
        if name in template.resources and type_of(template.resources[name]) != resource.type_name
    )
    if changed:
        raise ValidationError(
            "Update of resource type is not permitted. The new template modifies resource type of the following "
            f"resources: [{', '.join(changed)}]"
        )


def _check_references(template: Template) -> None:
    known = set(template.resources) | set(template.parameters) | PSEUDO_PARAMETERS
    for block in ("Resources", "Outputs"):
        content: dict[str, Any] = getattr(template, block.lower())
        used = [each for each in references(content) if each.attribute is None]
        dependencies = [name for each in content.values() for name in depends_on(each)] if block == "Resources" else []
        missing = {each.name for each in used if each.name not in known}
        missing |= {name for name in dependencies if name not in template.resources}
        if missing:
            raise TemplateError(
                f"Template format error: Unresolved resource dependencies [{', '.join(sorted(missing))}] in the "
                f"{block} block of the template"
            )
        for each in references(content):
            if each.attribute is not None and each.name not in template.resources:
                raise TemplateError(f"Template error: instance of Fn::GetAtt references undefined resource {each.name}")
        for name, definition in content.items():
            _check_functions(f"{block}/{name}", definition, template)
            condition = definition.get("Condition")
            if condition is not None and condition not in template.conditions:
                raise TemplateError(
                    f"Template format error: Unresolved condition dependency {condition} in the {block} block of the "
                    "template"
                )
    for each in references(template.conditions):
        if each.name not in template.parameters and each.name not in PSEUDO_PARAMETERS:
            raise TemplateError(
                f"Template format error: Unresolved dependencies [{each.name}]. Cannot reference resources in the "
                "Conditions block of the template"
            )
    _check_functions("Conditions", template.conditions, template)


def _check_functions(place: str, value: Any, template: Template) -> None:
    if isinstance(value, list):
        for item in value:
            _check_functions(place, item, template)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key.startswith("Fn::") and key not in FUNCTIONS:
                raise TemplateError(f"Template error: function {key} in {place} is not supported by the local AWS")
            if key == "Fn::FindInMap":
                _check_mapping(item, template)
            if key == "Fn::If" and isinstance(item, list) and item and item[0] not in template.conditions:
                raise TemplateError(f"Template error: unresolved condition {item[0]} in Fn::If of {place}")
            _check_functions(place, item, template)


def _check_mapping(argument: Any, template: Template) -> None:
    name = argument[0] if isinstance(argument, list) and argument else None
    if isinstance(name, str) and name not in template.mappings:
        raise TemplateError(
            f"Template error: Mapping named '{name}' is not present in the 'Mappings' section of template."
        )


def _check_supported(name: str, definition: dict[str, Any]) -> None:
    type_name, properties = type_of(definition), properties_of(definition)
    if is_custom(type_name):
        required, supported = frozenset({"ServiceToken"}), None
    elif type_name == STACK_TYPE:
        required, supported = frozenset({"TemplateURL"}), STACK_PROPERTIES
    else:
        try:
            supported = provider_for(type_name).properties
        except KeyError as error:
            raise ValidationError(f"{error.args[0]} (resource {name})") from None
        required = schemas.schema_of(type_name).required
    for key in properties:
        if supported is not None and key not in supported:
            raise ValidationError(f"property {key} of {type_name} is not supported by the local AWS (resource {name})")
    for key in sorted(required):
        if key not in properties:
            raise ValidationError(
                f"Properties validation failed for resource {name} with message: #: required key [{key}] not found"
            )


def _check_creation_policy(name: str, definition: dict[str, Any]) -> None:
    policy = definition.get("CreationPolicy")
    if policy is None:
        return
    if type_of(definition) not in SIGNALLED_TYPES:
        raise ValidationError(
            f"CreationPolicy is not supported for resource type {type_of(definition)} (resource {name})"
        )
    for key in policy:
        if key != "ResourceSignal":
            raise ValidationError(f"CreationPolicy {key} is not supported by the local AWS (resource {name})")


def _check_attributes(template: Template) -> None:
    for each in references([template.resources, template.outputs]):
        if each.attribute is None:
            continue
        type_name = type_of(template.resources[each.name])
        if type_name == STACK_TYPE and not each.attribute.startswith("Outputs."):
            raise _unknown_attribute(each.name, each.attribute)
        schema = schemas.schema_of(type_name)
        if not schema.known or type_name == STACK_TYPE or is_custom(type_name):
            continue
        path = each.attribute.replace(".", "/")
        if path not in schema.read_only and path.split("/")[0] not in schema.properties:
            raise _unknown_attribute(each.name, each.attribute)


def _unknown_attribute(name: str, attribute: str) -> TemplateError:
    return TemplateError(f"Template error: resource {name} does not support attribute type {attribute} in Fn::GetAtt")
