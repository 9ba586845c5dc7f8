"""How templates read: the order of their keys, and what they say about themselves to whoever audits them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tests.templates.cluster import Cluster
from tests.templates.rules.rule import rule

_TEMPLATE = (
    "AWSTemplateFormatVersion Description Metadata Parameters Rules Mappings Conditions Resources Outputs".split()
)
_RESOURCE = (
    "Type Condition DependsOn DeletionPolicy UpdateReplacePolicy CreationPolicy UpdatePolicy Metadata Properties"
).split()
_PARAMETER = ["Type", "Description", "Default"]
_OUTPUT = ["Description", "Condition", "Value"]
# CloudFormation user guide: up to 4,000 characters ("Parameters"), up to 1,024 bytes ("Outputs", and a template's own).
_MAX_PARAMETER_CHARACTERS = 4000
_MAX_BYTES = 1024
# EC2 API reference, CreateSecurityGroup (GroupDescription) and IpRange (Description): up to 255 of these characters.
_EC2_TEXT = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}")
# Rules say these words alone, whatever the configuration says.
_RULE = re.compile(
    r"(etcd|Kubernetes API|kubelet API|WireGuard|VXLAN|Cilium health checks|ICMP echo requests|HTTPS) (from|to) "
    r"(the load balancer|control-plane nodes|workers|VPC endpoints|the reconcile function|central interface endpoints|"
    r"outside the cluster|(S3|DynamoDB) through its gateway endpoint|"
    r"S3 and DynamoDB, where a prefix list is not given|OIDC token issuers)"
)
# For another one EC2 replaces the group: these never change, whatever the configuration says.
_GROUPS = {
    "BalancerGroup": "Load balancer of the Kubernetes API",
    "ControlPlaneGroup": "Control-plane nodes of the Kubernetes cluster",
    "EndpointsGroup": "VPC endpoints of the Kubernetes cluster",
    "FunctionGroup": "Reconcile function of the Kubernetes cluster",
    "WorkerGroup": "Workers of the Kubernetes cluster",
}


@rule
def keys_stand_in_the_order_in_which_people_write_them(cluster: Cluster) -> Iterator[str]:
    for layer, template in cluster.templates.items():
        entries = [(layer, template, _TEMPLATE)]
        for section, order in (("Parameters", _PARAMETER), ("Resources", _RESOURCE), ("Outputs", _OUTPUT)):
            named = template.get(section, {}).items()
            entries += [(f"{layer}/{section}/{name}", entry, order) for name, entry in named]
        for place, entry, order in entries:
            if list(entry) != _sorted(list(entry), order):
                yield f"{place}: {', '.join(entry)}"


@rule
def every_parameter_and_output_says_what_it_is_in_words_of_its_own(cluster: Cluster) -> Iterator[str]:
    for layer, template in cluster.templates.items():
        if not 0 < len(template["Description"].encode()) <= _MAX_BYTES:
            yield f"{layer}: {len(template['Description'].encode())} bytes of description"
        for section, size in (("Parameters", _MAX_PARAMETER_CHARACTERS), ("Outputs", _MAX_BYTES)):
            said: dict[str, str] = {}
            for name, entry in template.get(section, {}).items():
                text = entry.get("Description", "")
                if not text or len(text.encode()) > size:
                    yield f"{layer}/{section}/{name}: {len(text.encode())} bytes of description"
                elif _letters(text) == _letters(name):
                    yield f"{layer}/{section}/{name}: says no more than its name"
                elif text in said:
                    yield f"{layer}/{section}/{name}: says the same as {said[text]}"
                said[text] = name


@rule
def required_parameters_stand_first_and_labels_quote_names(cluster: Cluster) -> Iterator[str]:
    root = cluster.templates["root"]
    interface = root["Metadata"]["AWS::CloudFormation::Interface"]
    groups = [group["Parameters"] for group in interface["ParameterGroups"]]
    optional = [["Default" in root["Parameters"][name] for name in names] for names in groups]
    for names, lacking in zip(groups, optional, strict=True):
        if lacking != sorted(lacking):
            yield f"root: a required parameter stands behind an optional one in {names}"
    if [lacking[0] for lacking in optional] != sorted(lacking[0] for lacking in optional):
        yield "root: a group with required parameters stands behind one without"
    if [name for names in groups for name in names] != list(root["Parameters"]):
        yield "root: the parameters are declared in another order than the console shows them"
    labels = [label["default"] for label in interface["ParameterLabels"].values()]
    labels += [group["Label"]["default"] for group in interface["ParameterGroups"]]
    for kind, names in (
        ("pool", [pool.name for pool in cluster.config.pools]),
        ("host resource group", cluster.config.host_resource_groups),
        ("capacity reservations", cluster.config.capacity_reservations),
    ):
        for name in names:
            bare = [label for label in labels if re.search(rf"\b{kind} {name}(?![\w-])", label, re.IGNORECASE)]
            if bare or not any(f'{kind} "{name}"' in label.lower() for label in labels):
                yield f"root: the {kind} {name} is not quoted in {bare or labels}"


@rule
def a_role_says_which_templates_hold_its_policies(cluster: Cluster) -> Iterator[str]:
    held: dict[str, set[str]] = {}
    for policy in cluster.resources("AWS::IAM::RolePolicy"):
        role = cluster.resource_of(policy.layer, policy.properties["RoleName"])
        held.setdefault(role.logical_id if role else "", set()).add(f"{policy.layer}.json")
    for role in cluster.resources("AWS::IAM::Role"):
        wanted = held.get(role.logical_id, set())
        if set(role.body.get("Metadata", {}).get("PoliciesIn", [])) != wanted:
            yield f"{role}: its policies are in {sorted(wanted)}"
        for other in wanted - {f"{role.layer}.json"}:
            if other not in role.properties.get("Description", ""):
                yield f"{role}: its description does not name {other}"


@rule
def security_groups_and_their_rules_say_what_they_are_for_and_never_change(cluster: Cluster) -> Iterator[str]:
    for group in cluster.resources("AWS::EC2::SecurityGroup"):
        if group.properties["GroupDescription"] != _GROUPS[group.logical_id]:
            yield f"{group}: {group.properties['GroupDescription']}"
    for each in cluster.resources("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"):
        text = each.properties.get("Description", "")
        direction = "from" if each.type.endswith("Ingress") else "to"
        said = _RULE.fullmatch(text)
        if said is None or said[2] != direction or not _EC2_TEXT.fullmatch(text):
            yield f"{each}: {text!r}"


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()


def _sorted(keys: Sequence[str], order: Sequence[str]) -> list[str]:
    """The keys with those of the order first; a parameter's constraints come after them as they are."""
    return sorted(keys, key=lambda key: order.index(key) if key in order else len(order))
