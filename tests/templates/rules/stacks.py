"""The root and its nested stacks: how they are joined, in which order they come and go."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

from tests.templates.cluster import Cluster
from tests.templates.rules.rule import rule

# The only direction in which values flow; the pools come last and have nothing for each other.
ORDER = ("iam", "network", "database", "services", "lifecycle", "controlplane", "monitoring")


def _position(layer: str) -> int:
    return len(ORDER) if layer.startswith("workers-") else ORDER.index(layer)


@rule
def the_root_nests_every_layer_by_a_relative_path_and_tags_it(cluster: Cluster) -> Iterator[str]:
    stacks = cluster.resources("AWS::CloudFormation::Stack")
    found = sorted(stack.properties["TemplateURL"] for stack in stacks)
    wanted = sorted(f"./{layer}.json" for layer in cluster.templates if layer != "root")
    if found != wanted:
        yield f"root: nests {found}, not {wanted}"
    for stack in stacks:
        tags = {tag["Key"]: tag["Value"] for tag in stack.properties.get("Tags", [])}
        if not cluster.is_cluster_uuid("root", tags.get("holdfast:cluster")):
            yield f"{stack}: what it makes would not carry the cluster's tag"


@rule
def every_parameter_of_a_layer_is_given_by_the_root(cluster: Cluster) -> Iterator[str]:
    for layer, stack in cluster.stacks.items():
        given, declared = stack.properties.get("Parameters", {}), cluster.templates[layer].get("Parameters", {})
        for name in sorted(given.keys() ^ declared.keys()):
            yield f"{layer}: the parameter {name} is {'given, not declared' if name in given else 'not given'}"


@rule
def only_the_root_has_defaults(cluster: Cluster) -> Iterator[str]:
    for layer in cluster.stacks:
        for name, parameter in cluster.templates[layer].get("Parameters", {}).items():
            if "Default" in parameter:
                yield f"{layer}: the parameter {name} has a default"


@rule
def every_output_is_used(cluster: Cluster) -> Iterator[str]:
    root = json.dumps(cluster.templates["root"])
    for layer, stack in cluster.stacks.items():
        for output in cluster.templates[layer].get("Outputs", {}):
            if json.dumps([stack.logical_id, f"Outputs.{output}"]) not in root:
                yield f"{layer}: nobody uses the output {output}"


@rule
def every_output_that_the_root_reads_exists(cluster: Cluster) -> Iterator[str]:
    by_id = {stack.logical_id: layer for layer, stack in cluster.stacks.items()}
    for logical_id, output in _read_outputs(cluster.templates["root"]):
        if output not in cluster.templates[by_id[logical_id]].get("Outputs", {}):
            yield f"root: reads {logical_id}.{output}, which does not exist"


@rule
def values_flow_in_one_direction(cluster: Cluster) -> Iterator[str]:
    by_id = {stack.logical_id: layer for layer, stack in cluster.stacks.items()}
    for layer, stack in cluster.stacks.items():
        for source, output in _read_outputs(stack.body):
            if _position(by_id[source]) >= _position(layer):
                yield f"{by_id[source]}.{output} flows back to {layer}"


@rule
def no_stack_waits_for_itself(cluster: Cluster) -> Iterator[str]:
    graph = {
        resource.logical_id: {source for source, _ in _read_outputs(resource.body)} | set(resource.depends_on)
        for resource in cluster.resources(layer="root")
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as cycle:
        yield f"root: {' → '.join(cycle.args[1])}"


@rule
def nothing_is_exported_or_imported(cluster: Cluster) -> Iterator[str]:
    """An export cannot change while another stack imports it."""
    for layer, template in cluster.templates.items():
        for name, output in template.get("Outputs", {}).items():
            if "Export" in output:
                yield f"{layer}: exports {name}"
    for path, text in cluster.texts:
        if text == "Fn::ImportValue":
            yield f"{path}: imports"


@rule
def groups_come_after_everything_that_their_hooks_need(cluster: Cluster) -> Iterator[str]:
    """So that on deletion they go before it: the function answers the hooks of the last instances."""
    for layer, stack in cluster.stacks.items():
        if _has_groups(layer) and "Lifecycle" not in _before(cluster, stack.logical_id):
            yield f"{stack}: does not wait for Lifecycle"


@rule
def pools_come_after_the_cluster_is_there(cluster: Cluster) -> Iterator[str]:
    """Their nodes then find all settings, and their groups are never an account's first."""
    for layer, stack in cluster.stacks.items():
        if layer.startswith("workers-") and "Controlplane" not in _before(cluster, stack.logical_id):
            yield f"{stack}: does not wait for Controlplane"


@rule
def a_stack_with_groups_ends_its_wait_after_what_says_more(cluster: Cluster) -> Iterator[str]:
    """Six hours is a group's own wait where a zone has no room; ClusterReady and Start end theirs with reasons."""
    for layer, stack in cluster.stacks.items():
        wanted = None if not _has_groups(layer) else 90 if layer == "controlplane" else 60
        if stack.properties.get("TimeoutInMinutes") != wanted:
            yield f"{stack}: TimeoutInMinutes is {stack.properties.get('TimeoutInMinutes')}, not {wanted}"
    start, ready = (cluster.resource("controlplane", name) for name in ("Start", "ClusterReady"))
    minutes = cluster.stacks["controlplane"].properties.get("TimeoutInMinutes", 0)
    signals = ready.body.get("CreationPolicy", {}).get("ResourceSignal", {})
    if signals.get("Timeout") != "PT1H" or 60 + start.properties.get("ServiceTimeout", 3600) / 60 >= minutes:
        yield f"{ready}: waits for {signals.get('Timeout')} in a stack that has {minutes} minutes"


@rule
def the_teardown_goes_first(cluster: Cluster) -> Iterator[str]:
    teardown = cluster.resource("root", "Teardown")
    groups = {stack.logical_id for layer, stack in cluster.stacks.items() if _has_groups(layer)}
    if set(teardown.depends_on) != groups:
        yield f"{teardown}: depends on {teardown.depends_on}, not on {sorted(groups)}"
    function = cluster.resource_of("root", teardown.properties.get("ServiceToken"))
    if function is None or function.type != "AWS::Lambda::Function":
        yield f"{teardown}: is answered by {teardown.properties.get('ServiceToken')}"
    if teardown.properties.get("ServiceTimeout") != 900 or teardown.properties["ClusterId"] != {"Ref": "AWS::StackId"}:
        yield f"{teardown}: {teardown.properties}"
    for resource in cluster.resources(layer="root"):
        if "Teardown" in resource.depends_on:
            yield f"{resource}: would be deleted before Teardown"


@rule
def an_update_of_control_planes_is_checked_before_it_begins(cluster: Cluster) -> Iterator[str]:
    """CloudFormation asks only when a property of the check has changed: all that control planes are made of is one."""
    check, stack = cluster.resource("root", "UpdateCheck"), cluster.stacks["controlplane"]
    if "UpdateCheck" not in stack.depends_on:
        yield f"{stack}: may be updated before {check}"
    for parameter, value in stack.properties.get("Parameters", {}).items():
        if check.properties.get("ControlPlaneParameters", {}).get(parameter) != value:
            yield f"{check}: does not change with {parameter} of {stack}"
    body = json.dumps(_without_words(cluster.templates["controlplane"]), sort_keys=True)
    if check.properties.get("ControlPlaneTemplate") != hashlib.sha256(body.encode()).hexdigest()[:16]:
        yield f"{check}: does not change with the template of {stack}"
    function = cluster.resource_of("root", check.properties.get("ServiceToken"))
    if function is None or function.type != "AWS::Lambda::Function":
        yield f"{check}: is answered by {check.properties.get('ServiceToken')}"
    floors = {
        group.body["UpdatePolicy"]["AutoScalingRollingUpdate"].get("MinInstancesInService")
        for group in cluster.resources("AWS::AutoScaling::AutoScalingGroup", layer="controlplane")
    }
    wanted = {"surge": {1}, "remove-first": {0}}.get(str(check.properties.get("Replacement")))
    if floors != wanted or check.properties.get("ServiceTimeout") != 1800:
        yield f"{check}: {check.properties}"


@rule
def the_cluster_is_ready_after_all_groups_and_one_signal(cluster: Cluster) -> Iterator[str]:
    ready = cluster.resource("controlplane", "ClusterReady")
    groups = [group.logical_id for group in cluster.resources("AWS::AutoScaling::AutoScalingGroup", layer=ready.layer)]
    start = cluster.resource(ready.layer, "Start")
    if sorted(start.depends_on) != sorted(groups):
        yield f"{start}: waits for {start.depends_on}, not for {groups}"
    if "Start" not in ready.depends_on:
        yield f"{ready}: waits for {ready.depends_on}, not for the start of the slots"
    function = cluster.resource_of(start.layer, start.properties.get("ServiceToken"))
    if function is None or function.type != "AWS::Lambda::Function":
        yield f"{start}: is answered by {start.properties.get('ServiceToken')}"
    if ready.body.get("CreationPolicy", {}).get("ResourceSignal", {}).get("Count") != 1:
        yield f"{ready}: {ready.body.get('CreationPolicy')}"
    if ready.properties:
        # A wait condition with a handle takes no SignalResource.
        yield f"{ready}: has {sorted(ready.properties)}"


@rule
def the_function_comes_after_its_policy_and_is_woken_by_its_own_cluster(cluster: Cluster) -> Iterator[str]:
    for logical_id in ("Reconcile", "TableStream"):
        resource = cluster.resource("lifecycle", logical_id)
        if "FunctionPolicy" not in resource.depends_on:
            yield f"{resource}: may act before its policy exists"
    pattern = cluster.resource("lifecycle", "TerminatingRule").properties["EventPattern"]
    if pattern.get("detail") != {"LifecycleHookName": [{"Fn::Sub": "${ClusterUuid}-terminating"}]}:
        yield f"lifecycle/TerminatingRule: hears {pattern.get('detail')}"
    for permission in cluster.resources("AWS::Lambda::Permission"):
        if cluster.resource_of(permission.layer, permission.properties.get("SourceArn")) is None:
            yield f"{permission}: anybody's rule may call the function"


@rule
def every_root_parameter_has_a_group_and_a_label(cluster: Cluster) -> Iterator[str]:
    root = cluster.templates["root"]
    interface = root["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    if sorted(grouped) != sorted(root["Parameters"]):
        yield f"root: in groups, not declared or the reverse: {sorted(set(grouped) ^ root['Parameters'].keys())}"
    for name, parameter in root["Parameters"].items():
        if not interface["ParameterLabels"].get(name, {}).get("default") or not parameter.get("Description"):
            yield f"root: the parameter {name} has no label or no description"


def _before(cluster: Cluster, logical_id: str) -> set[str]:
    """What CloudFormation has made before it begins with a resource of the root."""
    resource = cluster.resource("root", logical_id)
    direct = {source for source, _ in _read_outputs(resource.body)} | set(resource.depends_on)
    return direct.union(*(_before(cluster, each) for each in direct if each != logical_id))


def _has_groups(layer: str) -> bool:
    return layer == "controlplane" or layer.startswith("workers-")


def _read_outputs(node: object) -> list[tuple[str, str]]:
    """Nested stack and output of every `Fn::GetAtt <stack>.Outputs.<name>` below a node."""
    return re.findall(r'\["(\w+)", "Outputs\.(\w+)"\]', json.dumps(node))


def _without_words(template: dict[str, Any]) -> dict[str, Any]:
    """The template without what it says to people: its description and Metadata, and its borders' descriptions."""
    kept = {key: value for key, value in template.items() if key not in ("Description", "Metadata")}
    for section in {"Parameters", "Outputs"} & kept.keys():
        kept[section] = {
            name: {key: value for key, value in entry.items() if key != "Description"}
            for name, entry in kept[section].items()
        }
    return kept
