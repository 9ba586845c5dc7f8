"""What an update would change, worked out without changing anything: the contents of a change set."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rehearsal.aws.cloudformation import schemas
from rehearsal.aws.cloudformation.diff import Difference, differences, same, touches
from rehearsal.aws.cloudformation.engine import Engine
from rehearsal.aws.cloudformation.evaluation import Evaluation, LiveView
from rehearsal.aws.cloudformation.intrinsics import UNKNOWN
from rehearsal.aws.cloudformation.model import STACK_TYPE, Resource, Stack, Target
from rehearsal.aws.cloudformation.nested import FAILED_STATES, NestedStacks, outputs_of
from rehearsal.aws.cloudformation.provider import create_only_of
from rehearsal.aws.cloudformation.references import ordered, references
from rehearsal.aws.cloudformation.template import properties_of, type_of

OTHER_SCOPES = ("Metadata", "CreationPolicy", "UpdatePolicy", "DeletionPolicy", "UpdateReplacePolicy")
STABLE_ENDINGS = ("Arn", "Id", "Name")
"""An attribute that ends so is an identifier: it changes only when the resource is replaced."""


@dataclass
class Change:
    """One resource that an update would add, modify or remove. `child` is what would change in a nested stack."""

    action: str
    logical_id: str
    type_name: str
    physical_id: str | None = None
    replacement: str | None = None
    scope: list[str] = field(default_factory=list)
    details: list[dict[str, Any]] = field(default_factory=list)
    policy_action: str | None = None
    child: Plan | None = None
    change_set_id: str | None = None
    before: Mapping[str, Any] | None = None
    """Its properties before; None where it is new."""
    after: Mapping[str, Any] | None = None
    """Its properties afterwards, as far as they are known; None where it goes."""


@dataclass
class Plan:
    """What an update of one stack would change."""

    stack: Stack
    target: Target
    changes: list[Change] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    outputs_changed: bool = False
    tags_changed: bool = False

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.changes and not self.outputs_changed and not self.tags_changed


class PlanView(LiveView):
    """Values as far as they are known before the change; the rest is CloudFormation's placeholder."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(lambda: stack.resources)
        self.new: set[str] = set()
        self.replaced: set[str] = set()
        self.modified: dict[str, str] = {}
        self.children: dict[str, Mapping[str, str]] = {}

    def ref(self, logical_id: str) -> Any:
        """The value of Ref."""
        return UNKNOWN if logical_id in self.new | self.replaced else super().ref(logical_id)

    def attribute(self, logical_id: str, name: str) -> Any:
        """The value of Fn::GetAtt."""
        if logical_id in self.children:
            return self.children[logical_id].get(name, UNKNOWN)
        if self.may_change(logical_id, name):
            return UNKNOWN
        return super().attribute(logical_id, name)

    def may_change(self, logical_id: str, name: str) -> bool:
        """Whether an attribute is not known yet or will be another one."""
        if logical_id in self.children:
            resource = self._find(logical_id)
            return self.children[logical_id].get(name, UNKNOWN) != resource.attributes.get(name)
        if logical_id in self.new | self.replaced:
            return True
        return logical_id in self.modified and not _identifies(self.modified[logical_id], name)


class Planner:
    """Makes plans. With `include_nested` nested stacks are looked into, and left out where nothing changes."""

    def __init__(self, engine: Engine, nested: NestedStacks, include_nested: bool) -> None:
        self._engine = engine
        self._nested = nested
        self._include_nested = include_nested

    def plan(self, stack: Stack, target: Target) -> Plan:
        """What bringing the stack to the target would change."""
        view = PlanView(stack)
        evaluation = Evaluation(stack, target, view, self._engine.account(stack.region))
        plan = Plan(stack, target)
        changes = {}
        for name in ordered(evaluation.after):
            change = self._resource(name, stack, target, evaluation, view)
            if change is not None:
                changes[name] = change
        plan.changes = [changes[name] for name in evaluation.active if name in changes]
        plan.changes += [
            self._removal(resource) for name, resource in stack.resources.items() if name not in evaluation.active
        ]
        outputs = evaluation.outputs()
        plan.outputs = {f"Outputs.{name}": output.value for name, output in outputs.items()}
        before = stack.target
        plan.outputs_changed = plan.outputs != outputs_of(stack)
        plan.tags_changed = before is not None and dict(before.tags) != dict(target.tags)
        return plan

    def _resource(
        self, name: str, stack: Stack, target: Target, evaluation: Evaluation, view: PlanView
    ) -> Change | None:
        definition = evaluation.active[name]
        current = stack.resources.get(name)
        type_name = type_of(definition)
        if current is None or (not current.exists and type_name != STACK_TYPE):
            view.new.add(name)
            # Resolved for its errors: a mapping that is missing must not wait for the execution.
            properties = evaluation.properties(name)
            change = Change("Add", name, type_name, after=properties)
            if type_name == STACK_TYPE and self._include_nested:
                change.child = self._child_plan(stack, None, name, properties, target)
            return change
        properties = evaluation.properties(name)
        if type_name == STACK_TYPE:
            return self._nested_change(name, stack, current, properties, target, evaluation, view)
        found = differences(current.properties, properties)
        retagged = dict(current.tags) != dict(target.tags) and schemas.schema_of(type_name).taggable
        if not found and not retagged and not current.unsettled:
            return None
        change = self._modification(current, definition, found, evaluation, view, stack)
        change.before, change.after = current.properties, properties
        if retagged:
            change.scope.append("Tags")
            change.details.append(_detail("Tags", None, "Never", "Static", "DirectModification", None))
        if change.replacement == "False":
            view.modified[name] = type_name
        else:
            view.replaced.add(name)
        return change

    def _modification(
        self,
        current: Resource,
        definition: Mapping[str, Any],
        found: list[Difference],
        evaluation: Evaluation,
        view: PlanView,
        stack: Stack,
    ) -> Change:
        schema = schemas.schema_of(current.type_name)
        create_only = (
            frozenset() if current.type_name == STACK_TYPE else create_only_of(self._engine.provider(current.type_name))
        )
        change = Change("Modify", current.logical_id, current.type_name, current.physical_id, "False")
        for each in found:
            recreation = "Never"
            if touches(each, create_only):
                recreation = "Always"
            elif touches(each, schema.conditional_create_only):
                recreation = "Conditionally"
            dynamic = UNKNOWN in json.dumps(each.after, default=str)
            if recreation == "Always" and not dynamic:
                change.replacement = "True"
            elif recreation != "Never" and change.replacement != "True":
                change.replacement = "Conditional"
            for source, entity in _causes(each, current, definition, evaluation, view, stack):
                evaluated = "Dynamic" if dynamic else "Static"
                change.details.append(_detail("Properties", each, recreation, evaluated, source, entity))
        change.scope = ["Properties"] if found else []
        for scope in OTHER_SCOPES:
            if definition.get(scope) != current.definition.get(scope):
                change.scope.append(scope)
                change.details.append(_detail(scope, None, "Never", "Static", "DirectModification", None))
        if change.replacement != "False":
            kept = definition.get("UpdateReplacePolicy") == "Retain"
            change.policy_action = "ReplaceAndRetain" if kept else "ReplaceAndDelete"
        return change

    def _nested_change(
        self,
        name: str,
        stack: Stack,
        current: Resource,
        properties: dict[str, Any],
        target: Target,
        evaluation: Evaluation,
        view: PlanView,
    ) -> Change | None:
        child = self._nested.child(stack, current)
        plan = self._child_plan(stack, child, name, properties, target)
        view.children[name] = plan.outputs if plan else {}
        found = differences(current.properties, properties)
        change = self._modification(current, evaluation.active[name], found, evaluation, view, stack)
        change.before, change.after = current.properties, properties
        idle = plan is not None and plan.empty and child.status not in FAILED_STATES and not current.unsettled
        if self._include_nested:
            change.child = plan
            # A new URL of the same template, or a parameter that nothing uses, changes no resource.
            return None if idle else change
        if not change.details:
            change.scope = ["Properties"]
            change.details = [_detail("Properties", None, "Never", "Dynamic", "Automatic", None)]
        return change

    def _child_plan(
        self, stack: Stack, child: Stack | None, name: str, properties: Mapping[str, Any], target: Target
    ) -> Plan | None:
        if UNKNOWN in str(properties["TemplateURL"]):
            return None
        wanted = self._nested.target(stack, properties, target)
        child = child or self._nested.reserved(stack, name) or self._nested.reserve(stack, name)
        if self._include_nested:
            self._engine.rights.require(child.region, "cloudformation:CreateChangeSet", child.stack_id)
        return self.plan(child, wanted)

    def _removal(self, resource: Resource) -> Change:
        kept = str(resource.definition.get("DeletionPolicy", "Delete")).startswith("Retain")
        change = Change("Remove", resource.logical_id, resource.type_name, resource.physical_id)
        change.policy_action = "Retain" if kept else "Delete"
        change.before = resource.properties
        return change


def _identifies(type_name: str, attribute: str) -> bool:
    identifier = schemas.schema_of(type_name).primary_identifier
    return attribute in identifier or attribute.endswith(STABLE_ENDINGS)


def _causes(
    difference: Difference,
    current: Resource,
    definition: Mapping[str, Any],
    evaluation: Evaluation,
    view: PlanView,
    stack: Stack,
) -> list[tuple[str, str | None]]:
    """Why a property differs, as pairs of ChangeSource and CausingEntity."""
    before = _at(properties_of(dict(current.definition)), difference.path)
    after = properties_of(dict(definition))
    causes: list[tuple[str, str | None]] = []
    old = stack.current().parameters
    for each in references(_at(evaluation.resolver.chosen(after), difference.path)):
        if each.name in evaluation.target.parameters:
            was = old.get(each.name)
            if was is None or not same(was.value, evaluation.target.parameters[each.name].value):
                causes.append(("ParameterReference", each.name))
        elif each.attribute is not None and view.may_change(each.name, each.attribute):
            causes.append(("ResourceAttribute", f"{each.name}.{each.attribute}"))
        elif each.attribute is None and each.name in view.new | view.replaced:
            causes.append(("ResourceReference", each.name))
    if before != _at(after, difference.path) or not causes:
        causes.append(("DirectModification", None))
    return list(dict.fromkeys(causes))


def _at(value: Any, path: tuple[str, ...]) -> Any:
    """The part of a definition at a path, or the function that makes it."""
    for part in path:
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, Mapping) and any(key == "Ref" or key.startswith("Fn::") for key in value):
            return value
        else:
            return None
    return value


def _detail(
    attribute: str,
    difference: Difference | None,
    recreation: str,
    evaluation: str,
    source: str,
    entity: str | None,
) -> dict[str, Any]:
    aim: dict[str, Any] = {"Attribute": attribute, "RequiresRecreation": recreation}
    if difference is not None:
        aim |= {
            "Name": difference.name,
            "Path": difference.pointer,
            "BeforeValue": _shown(difference.before),
            "AfterValue": _shown(difference.after),
            "AttributeChangeType": difference.kind,
        }
    detail = {"Target": aim, "Evaluation": evaluation, "ChangeSource": source, "CausingEntity": entity}
    return {key: value for key, value in detail.items() if value is not None}


def _shown(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, default=str)
