"""Every AWS API that nodes call has its endpoint, no other has one, and its policy lets exactly nodes' calls pass.

What nodes call is read from the policies that the templates attach to their roles.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rehearsal.aws.partitions import by_name
from tests.templates.cluster import Cluster, Resource
from tests.templates.rules.permissions import IN_VPC
from tests.templates.rules.rule import rule

# Prefix of the actions -> the endpoint services behind which they are answered.
SERVICES = {
    "autoscaling": ["autoscaling"],
    "cloudformation": ["cloudformation"],
    "dynamodb": ["dynamodb"],
    "ec2": ["ec2"],
    "ecr": ["ecr.api", "ecr.dkr"],
    "elasticloadbalancing": ["elasticloadbalancing"],
    "kms": ["kms"],
    "logs": ["logs"],
    "s3": ["s3"],
    "ssm": ["ssm"],
    "ssmmessages": ["ssmmessages"],
    "sts": ["sts"],
}
GATEWAYS = {"dynamodb", "s3"}
# What Lambda calls by the function's role, from its side of the network.
BY_LAMBDA = {"AttachToVpc", "ListStreams", "ReadStream", "ReportFailure", "UseKey", "WriteLogs"}
# What must pass a gateway without being ours: ECR keeps image layers in a bucket of its own account.
LAYER_BUCKET = "arn:${AWS::Partition}:s3:::prod-${AWS::Region}-starport-layer-bucket/*"
# And a function in the VPC answers CloudFormation by requests that this has signed.
ANSWERS = (
    "arn:${AWS::Partition}:s3:::cloudformation-custom-resource-response-${Place}/*",
    {"Place": {"Fn::Join": ["", {"Fn::Split": ["-", {"Ref": "AWS::Region"}]}]}},
)


def called_actions(cluster: Cluster) -> dict[str, set[str]]:
    """Action prefix -> the actions that policies allow of those whose calls come from nodes.

    Not those that DynamoDB, S3 and SSM call on a node's behalf, from their side.
    """
    called: dict[str, set[str]] = {}
    statements = cluster.role_statements(*IN_VPC)
    if cluster.config.lifecycle.function_in_vpc:
        statements += [each for each in cluster.role_statements("FunctionRole") if each.body["Sid"] not in BY_LAMBDA]
    for statement in statements:
        for action in statement.actions:
            if action.startswith("kms:") and statement.condition("StringEquals", "kms:ViaService"):
                continue
            called.setdefault(action.partition(":")[0], set()).add(action)
    return called


@rule
def endpoints_are_exactly_what_nodes_call(cluster: Cluster) -> Iterator[str]:
    called = called_actions(cluster)
    for prefix in sorted(called.keys() - SERVICES.keys()):
        yield f"nodes may call {prefix}: name its endpoint"
    wanted = {service for prefix in called for service in SERVICES.get(prefix, [])}
    if cluster.config.network.endpoints == "given":
        wanted &= GATEWAYS
    if cluster.config.network.gateway_endpoints == "given":
        wanted -= GATEWAYS
    actual = [_service(endpoint) for endpoint in cluster.resources("AWS::EC2::VPCEndpoint")]
    for service in sorted(wanted - set(actual)):
        yield f"nodes call {service} and there is no endpoint"
    for service in sorted(set(actual) - wanted):
        yield f"there is an endpoint for {service} and no node calls it"
    if len(actual) != len(set(actual)):
        yield f"two endpoints of one service: {sorted(actual)}"


@rule
def an_endpoint_has_the_name_of_its_partition(cluster: Cluster) -> Iterator[str]:
    prefixes = by_name(cluster.config.partition).endpoint_prefixes
    for endpoint in cluster.resources("AWS::EC2::VPCEndpoint"):
        service = _service(endpoint)
        prefix = prefixes.get(service, "com.amazonaws")
        if endpoint.properties["ServiceName"] != {"Fn::Sub": f"{prefix}.${{AWS::Region}}.{service}"}:
            yield f"{endpoint}: {endpoint.properties['ServiceName']}"


@rule
def an_endpoint_is_a_gateway_on_every_route_table_or_an_interface_with_private_names(cluster: Cluster) -> Iterator[str]:
    config = cluster.config
    for endpoint in cluster.resources("AWS::EC2::VPCEndpoint"):
        properties = endpoint.properties
        kind = "Gateway" if _service(endpoint) in GATEWAYS else "Interface"
        if properties["VpcEndpointType"] != kind:
            yield f"{endpoint}: is a {properties['VpcEndpointType']}"
        elif kind == "Gateway":
            made = [{"Ref": table.logical_id} for table in cluster.resources("AWS::EC2::RouteTable")]
            if properties["RouteTableIds"] != (made or {"Ref": "RouteTableIds"}):
                yield f"{endpoint}: stands on {properties['RouteTableIds']}"
        else:
            zones = 1 if config.network.endpoint_zones == "one" else config.zones
            if len(properties["SubnetIds"]) != zones:
                yield f"{endpoint}: stands in {len(properties['SubnetIds'])} zones, not {zones}"
            if properties.get("PrivateDnsEnabled") is not True:
                yield f"{endpoint}: nodes would have to know its name"


@rule
def an_endpoints_policy_lets_exactly_the_nodes_calls_pass(cluster: Cluster) -> Iterator[str]:
    called = called_actions(cluster)
    for endpoint in cluster.resources("AWS::EC2::VPCEndpoint"):
        statements = endpoint.properties["PolicyDocument"]["Statement"]
        ours = [statement for statement in statements if not _is_a_strangers(statement)]
        allowed = {action for statement in ours for action in statement["Action"]}
        prefix = next(prefix for prefix, services in SERVICES.items() if _service(endpoint) in services)
        if allowed != called.get(prefix, set()):
            yield f"{endpoint}: differs from what nodes call by {sorted(allowed ^ called.get(prefix, set()))}"
        strangers = 1 + cluster.config.lifecycle.function_in_vpc if _service(endpoint) == "s3" else 0
        if len(ours) + strangers != len(statements):
            yield f"{endpoint}: {len(statements) - len(ours)} statements are about others, not {strangers}"


@rule
def an_endpoint_serves_this_account_only(cluster: Cluster) -> Iterator[str]:
    """With a gateway both the caller and what is called are ours, or a node could carry data to a stranger's bucket."""
    own = {"Ref": "AWS::AccountId"}
    for endpoint in cluster.resources("AWS::EC2::VPCEndpoint"):
        wanted = {"aws:PrincipalAccount": own}
        if _service(endpoint) in GATEWAYS:
            wanted["aws:ResourceAccount"] = own
        for statement in endpoint.properties["PolicyDocument"]["Statement"]:
            if not _is_a_strangers(statement) and statement.get("Condition") != {"StringEquals": wanted}:
                yield f"{endpoint}, statement {statement.get('Sid')}: {statement.get('Condition')}"


def _service(endpoint: Resource) -> str:
    return str(endpoint.properties["ServiceName"]["Fn::Sub"]).partition("${AWS::Region}.")[2]


def _is_a_strangers(statement: dict[str, Any]) -> bool:
    """Whether it is about ECR's image layers, or about answers to CloudFormation."""
    allowed = (statement["Action"], statement["Resource"])
    return allowed in (
        (["s3:GetObject"], [{"Fn::Sub": LAYER_BUCKET}]),
        (["s3:PutObject"], [{"Fn::Sub": list(ANSWERS)}]),
    )
