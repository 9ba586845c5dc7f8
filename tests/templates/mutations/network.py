"""Mutations of the network: ways in and out, who reaches whom, endpoints."""

from __future__ import annotations

from tests.templates.mutations.mutation import GONE, Mutation

_CONTROL_PLANE_IAM = "iam/Resources/ControlPlanePolicy/Properties/PolicyDocument/Statement"
_MACHINE = "controlplane/Resources/Slot0Template/Properties/LaunchTemplateData"
_NETWORK = "network/Resources"
_ISSUER = f"{_NETWORK}/ControlPlaneToIssuers443Of010001000000024"

MUTATIONS = [
    # network
    Mutation("nothing_leads_to_the_internet", f"{_NETWORK}/Nat", {"Type": "AWS::EC2::NatGateway"}),
    Mutation("nothing_leads_to_the_internet", f"{_NETWORK}/Default", {"Type": "AWS::EC2::Route"}),
    Mutation("nothing_has_a_public_address", f"{_NETWORK}/WorkerSubnet1/Properties/MapPublicIpOnLaunch", True),
    Mutation("nothing_has_a_public_address", f"{_MACHINE}/NetworkInterfaces/0/AssociatePublicIpAddress", GONE),
    Mutation("nothing_has_a_public_address", f"{_NETWORK}/ApiBalancer/Properties/Scheme", "internet-facing"),
    Mutation("nothing_lets_the_whole_world_in", f"{_NETWORK}/BalancerFromClient0/Properties/CidrIp", "0.0.0.0/0"),
    Mutation("nothing_lets_the_whole_world_in", f"{_NETWORK}/BalancerFromClient0/Properties/CidrIpv6", "::/0"),
    Mutation("nothing_lets_the_whole_world_in", "root/Parameters/ApiClientCidrs/AllowedPattern", ".*"),
    Mutation(
        "only_the_named_exception_lets_nodes_send_anywhere", f"{_NETWORK}/WorkerToS3/Properties/CidrIp", "0.0.0.0/0"
    ),
    Mutation("only_the_named_exception_lets_nodes_send_anywhere", f"{_NETWORK}/WorkerToGateways/Condition", GONE),
    Mutation(
        "only_the_named_exception_lets_nodes_send_anywhere", f"{_NETWORK}/WorkerToGateways/Properties/ToPort", 65535
    ),
    Mutation(
        "a_group_is_made_without_the_rule_that_lets_everything_out",
        f"{_NETWORK}/WorkerGroup/Properties/SecurityGroupEgress",
        GONE,
    ),
    Mutation(
        "a_group_is_made_without_the_rule_that_lets_everything_out",
        f"{_NETWORK}/WorkerGroup/Properties/SecurityGroupIngress",
        [],
    ),
    Mutation("the_default_security_group_is_used_by_nothing", f"{_MACHINE}/NetworkInterfaces/0/Groups", []),
    Mutation(
        "the_default_security_group_is_used_by_nothing", f"{_NETWORK}/SsmEndpoint/Properties/SecurityGroupIds", GONE
    ),
    Mutation(
        "the_default_security_group_is_used_by_nothing",
        f"{_NETWORK}/ApiBalancer/Properties/SecurityGroups/0",
        {"Fn::GetAtt": ["Vpc", "DefaultSecurityGroup"]},
    ),
    Mutation("the_default_security_group_is_used_by_nothing", "lifecycle/Resources/Reconcile/Properties/VpcConfig", {}),
    Mutation("a_made_vpc_logs_its_traffic", f"{_NETWORK}/FlowLog/Properties/TrafficType", "REJECT"),
    Mutation(
        "a_made_vpc_has_the_tenancy_and_one_subnet_per_zone_and_kind",
        f"{_NETWORK}/Vpc/Properties/InstanceTenancy",
        "default",
    ),
    Mutation("a_made_vpc_has_the_tenancy_and_one_subnet_per_zone_and_kind", f"{_NETWORK}/WorkerSubnet2Routes", GONE),
    Mutation(
        "a_made_vpc_has_the_tenancy_and_one_subnet_per_zone_and_kind",
        f"{_NETWORK}/WorkerSubnet2/Properties/AvailabilityZone",
        {"Fn::Select": [1, {"Ref": "Zones"}]},
    ),
    Mutation(
        "the_api_is_reached_over_a_balancer_that_nodes_themselves_can_use",
        f"{_NETWORK}/ApiTargetGroup/Properties/TargetGroupAttributes/0/Value",
        "true",
    ),
    Mutation(
        "the_api_is_reached_over_a_balancer_that_nodes_themselves_can_use",
        f"{_NETWORK}/ApiListener/Properties/ListenerAttributes",
        [],
    ),
    # resolver
    Mutation(
        "a_made_vpc_resolves_only_what_is_listed",
        f"{_NETWORK}/DnsFirewallAssociation",
        GONE,
    ),
    Mutation("a_rule_for_an_issuer_is_no_rule_for_endpoints", f"{_ISSUER}/Condition", "HasS3PrefixList"),
    Mutation("only_the_named_rules_are_by_address", f"{_ISSUER}/Properties/CidrIp", "10.1.0.0/16"),
    Mutation("only_the_named_rules_are_by_address", f"{_ISSUER}/Properties/GroupId", {"Ref": "WorkerGroup"}),
    Mutation("only_the_named_rules_are_by_address", f"{_ISSUER}/Properties/ToPort", 6443),
    Mutation(
        "a_made_vpc_resolves_only_what_is_listed",
        f"{_NETWORK}/DnsFirewallAssociation/Properties/Priority",
        100,
    ),
    Mutation(
        "a_made_vpc_resolves_only_what_is_listed",
        f"{_NETWORK}/DnsFirewall/Properties/FirewallRules/1/BlockResponse",
        "NODATA",
    ),
    Mutation(
        "a_made_vpc_resolves_only_what_is_listed",
        f"{_NETWORK}/DnsFirewall/Properties/FirewallRules/1/Priority",
        50,
    ),
    Mutation(
        "a_made_vpc_resolves_only_what_is_listed",
        f"{_NETWORK}/DnsFirewall/Properties/FirewallRules/1/Qtype",
        "TXT",
    ),
    Mutation(
        "a_made_vpc_resolves_only_what_is_listed",
        f"{_NETWORK}/DnsFirewall/Properties/FirewallRules/0/Action",
        "ALERT",
    ),
    Mutation(
        "a_made_vpc_resolves_only_what_is_listed",
        f"{_NETWORK}/DnsFirewall/Properties/FirewallRules/0/FirewallDomainRedirectionAction",
        "TRUST_REDIRECTION_DOMAIN",
    ),
    Mutation(
        "a_made_vpc_resolves_only_what_is_listed",
        f"{_NETWORK}/EveryDomain/Properties/Domains",
        ["*.com"],
    ),
    Mutation(
        "a_made_vpc_resolves_only_what_is_listed",
        f"{_NETWORK}/AllowedDomains/Properties/Domains/-",
        "*",
    ),
    Mutation(
        "a_made_vpc_resolves_only_what_is_listed",
        f"{_NETWORK}/AllowedDomains/Properties/Domains/-",
        "*.com",
    ),
    Mutation(
        "a_made_vpc_resolves_only_what_is_listed",
        f"{_NETWORK}/AllowedDomains/Properties/Domains/-",
        "*.co.uk",
    ),
    Mutation(
        "a_made_vpc_resolves_only_what_is_listed",
        f"{_NETWORK}/AllowedDomains/Properties/Domains/-",
        "*.in-addr.arpa",
    ),
    Mutation(
        "a_made_vpc_resolves_only_what_is_listed",
        f"{_NETWORK}/AllowedDomains/Properties/Domains/-",
        "*.21.10.in-addr.arpa",
    ),
    Mutation(
        "a_made_vpc_resolves_only_what_is_listed",
        f"{_NETWORK}/AllowedDomains/Properties/Domains/4",
        GONE,
    ),
    Mutation(
        "a_made_vpc_resolves_only_what_is_listed",
        f"{_NETWORK}/Firewall",
        {
            "Type": "AWS::Route53Resolver::FirewallRuleGroupAssociation",
            "Properties": {"VpcId": {"Ref": "VpcId"}, "FirewallRuleGroupId": "rslvr-frg-1", "Priority": 101},
        },
        "existing-network",
    ),
    Mutation("a_made_vpc_logs_its_queries", f"{_NETWORK}/QueryLogAssociation", GONE),
    Mutation("a_made_vpc_logs_its_queries", f"{_NETWORK}/QueryLog/Properties/DestinationArn", "arn:aws:s3:::elsewhere"),
    Mutation("a_made_vpc_logs_its_queries", f"{_NETWORK}/QueryLog/Properties/Tags", [{"Key": "a", "Value": "b"}]),
    Mutation("a_made_vpc_logs_its_queries", f"{_NETWORK}/QueryLogGroup/Properties/KmsKeyId", GONE),
    Mutation("a_made_vpc_logs_its_queries", f"{_NETWORK}/QueryLogGroup/Properties/RetentionInDays", GONE),
    # reach
    Mutation(
        "the_groups_reach_each_other_as_the_matrix_says",
        f"{_NETWORK}/ControlPlaneFromControlPlaneEtcd/Properties/SourceSecurityGroupId",
        {"Ref": "WorkerGroup"},
    ),
    Mutation("the_groups_reach_each_other_as_the_matrix_says", f"{_NETWORK}/WorkerToBalancerApi", GONE),
    Mutation(
        "the_groups_reach_each_other_as_the_matrix_says",
        f"{_NETWORK}/WorkerFromWorkerWireguard/Properties/IpProtocol",
        "-1",
    ),
    # Beside WireGuard: whoever is in the group could send in a pod's name.
    Mutation(
        "the_groups_reach_each_other_as_the_matrix_says",
        f"{_NETWORK}/WorkerFromWorkerVxlan",
        {
            "Type": "AWS::EC2::SecurityGroupIngress",
            "Properties": {
                "GroupId": {"Ref": "WorkerGroup"},
                "SourceSecurityGroupId": {"Ref": "WorkerGroup"},
                "IpProtocol": "udp",
                "FromPort": 8472,
                "ToPort": 8472,
            },
        },
    ),
    Mutation(
        "only_the_named_rules_are_by_address",
        f"{_NETWORK}/Ssh",
        {
            "Type": "AWS::EC2::SecurityGroupIngress",
            "Properties": {
                "GroupId": {"Ref": "WorkerGroup"},
                "CidrIp": "10.0.0.0/8",
                "IpProtocol": "tcp",
                "FromPort": 22,
                "ToPort": 22,
            },
        },
    ),
    Mutation("a_rule_by_an_optional_address_exists_only_with_it", f"{_NETWORK}/WorkerToS3/Condition", GONE),
    Mutation(
        "a_rule_by_an_optional_address_exists_only_with_it", "network/Conditions/LacksPrefixList", {"Fn::Not": []}
    ),
    Mutation(
        "a_rule_by_an_optional_address_exists_only_with_it",
        f"{_NETWORK}/WorkerToCentralEndpoints1/Condition",
        "HasEndpoints0",
        "existing-network",
    ),
    Mutation(
        "a_rule_by_an_optional_address_exists_only_with_it", f"{_NETWORK}/BalancerFromClientPrefixList/Condition", GONE
    ),
    Mutation(
        "only_the_named_rules_are_by_address",
        f"{_NETWORK}/WorkerToCentralEndpoints1/Properties/CidrIp/Fn::Select/0",
        0,
        "existing-network",
    ),
    # endpoints
    Mutation("endpoints_are_exactly_what_nodes_call", f"{_NETWORK}/S3Endpoint", GONE, "existing-network"),
    Mutation("endpoints_are_exactly_what_nodes_call", f"{_NETWORK}/SsmEndpoint", GONE),
    Mutation("endpoints_are_exactly_what_nodes_call", f"{_CONTROL_PLANE_IAM}/UseKey/Action/-", "sns:Publish"),
    Mutation(
        "endpoints_are_exactly_what_nodes_call",
        f"{_NETWORK}/SsmEndpoint/Properties/ServiceName",
        {"Fn::Sub": "com.amazonaws.${AWS::Region}.sns"},
    ),
    Mutation(
        "an_endpoint_has_the_name_of_its_partition",
        f"{_NETWORK}/SsmEndpoint/Properties/ServiceName",
        {"Fn::Sub": "cn.com.amazonaws.${AWS::Region}.ssm"},
        "china",
    ),
    Mutation(
        "an_endpoint_is_a_gateway_on_every_route_table_or_an_interface_with_private_names",
        f"{_NETWORK}/S3Endpoint/Properties/RouteTableIds",
        [{"Ref": "RouteTable0"}],
    ),
    Mutation(
        "an_endpoint_is_a_gateway_on_every_route_table_or_an_interface_with_private_names",
        f"{_NETWORK}/Ec2Endpoint/Properties/PrivateDnsEnabled",
        False,
    ),
    Mutation(
        "an_endpoints_policy_lets_exactly_the_nodes_calls_pass",
        f"{_NETWORK}/SsmEndpoint/Properties/PolicyDocument/Statement/0/Action/0",
        GONE,
    ),
    Mutation(
        "an_endpoints_policy_lets_exactly_the_nodes_calls_pass",
        f"{_NETWORK}/S3Endpoint/Properties/PolicyDocument/Statement/ImageLayers",
        GONE,
    ),
    Mutation(
        "an_endpoint_serves_this_account_only",
        f"{_NETWORK}/DynamodbEndpoint/Properties/PolicyDocument/Statement/0/Condition/StringEquals/aws:ResourceAccount",
        GONE,
    ),
]
