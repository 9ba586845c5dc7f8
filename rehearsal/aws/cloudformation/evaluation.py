"""A template on a stack: which resources it makes, in which order, and what their properties resolve to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from rehearsal.aws.cloudformation.errors import TemplateError
from rehearsal.aws.cloudformation.intrinsics import Lookup, Resolver, View, text_of
from rehearsal.aws.cloudformation.model import Output, Resource, Stack, Target
from rehearsal.aws.cloudformation.references import depends_on, references
from rehearsal.aws.cloudformation.template import properties_of
from rehearsal.aws.protocol import url_suffix_of


class Evaluation:
    """One target evaluated for one stack; `view` says what the resources' values are."""

    def __init__(self, stack: Stack, target: Target, view: View, lookup: Lookup) -> None:
        self.target = target
        self.template = target.template
        self.resolver = Resolver(
            target.template,
            {name: parameter.value for name, parameter in target.parameters.items()},
            pseudo_parameters(stack),
            view,
            lookup,
        )

    @cached_property
    def active(self) -> dict[str, dict[str, Any]]:
        """The definitions of the resources whose condition holds."""
        return {
            name: definition
            for name, definition in self.template.resources.items()
            if "Condition" not in definition or self.resolver.condition(definition["Condition"])
        }

    @cached_property
    def after(self) -> dict[str, set[str]]:
        """For every active resource the active ones that come before it."""
        edges = {}
        for name, definition in self.active.items():
            used = {each.name for each in references(self.resolver.chosen(definition))}
            inactive = (used & set(self.template.resources)) - set(self.active)
            if inactive:
                raise TemplateError(
                    f"Template format error: Unresolved resource dependencies [{', '.join(sorted(inactive))}] in the "
                    "Resources block of the template"
                )
            edges[name] = (used | set(depends_on(definition))) & set(self.active) - {name}
        return edges

    def properties(self, name: str) -> dict[str, Any]:
        """A resource's properties, resolved."""
        resolved: dict[str, Any] = self.resolver.resolve(properties_of(self.active[name]))
        return resolved

    def policy(self, name: str, policy: str) -> dict[str, Any] | None:
        """A resource's CreationPolicy or UpdatePolicy, resolved."""
        value = self.active[name].get(policy)
        resolved: dict[str, Any] | None = None if value is None else self.resolver.resolve(value)
        return resolved

    def outputs(self) -> dict[str, Output]:
        """The outputs whose condition holds, with their values."""
        result = {}
        for name, definition in self.template.outputs.items():
            if "Condition" in definition and not self.resolver.condition(definition["Condition"]):
                continue
            value = self.resolver.resolve(definition["Value"])
            if isinstance(value, (list, dict)):
                raise TemplateError(
                    "Template format error: The Value field of every Outputs member must evaluate to a String. "
                    f"[{name}]"
                )
            description = self.resolver.resolve(definition.get("Description"))
            result[name] = Output(name, text_of(value), description)
        return result


def pseudo_parameters(stack: Stack) -> dict[str, Any]:
    """The pseudo parameters' values in a stack."""
    return {
        "AWS::AccountId": stack.account_id,
        "AWS::NotificationARNs": list(stack.notification_arns),
        "AWS::Partition": stack.partition,
        "AWS::Region": stack.region,
        "AWS::StackId": stack.stack_id,
        "AWS::StackName": stack.name,
        "AWS::URLSuffix": url_suffix_of(stack.partition),
    }


class LiveView:
    """The values of resources as they are; the walk's order has made what is asked for."""

    def __init__(self, resources: Callable[[], Mapping[str, Resource]]) -> None:
        self._resources = resources

    def ref(self, logical_id: str) -> Any:
        """The value of Ref."""
        resource = self._find(logical_id)
        return resource.physical_id if resource.ref is None else resource.ref

    def attribute(self, logical_id: str, name: str) -> Any:
        """The value of Fn::GetAtt."""
        return attribute_of(self._find(logical_id), name)

    def _find(self, logical_id: str) -> Resource:
        resource = self._resources().get(logical_id)
        if resource is None:
            raise TemplateError(
                f"Template error: instance of Fn::GetAtt or Ref uses {logical_id}, which does not exist"
            )
        return resource


def attribute_of(resource: Resource, name: str) -> Any:
    """An attribute of a resource. Raises TemplateError when its provider does not offer it."""
    if name in resource.attributes:
        return resource.attributes[name]
    value: Any = resource.attributes
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            raise TemplateError(
                f"attribute {name} of resource {resource.logical_id} ({resource.type_name}) is not supported by the "
                "local AWS"
            )
        value = value[part]
    return value
