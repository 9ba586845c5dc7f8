"""Mutations of shells by Session Manager, and of what goes without them."""

from __future__ import annotations

from tests.templates.mutations.mutation import GONE, Mutation

_WITH = "development"
_INPUTS = "services/Resources/SessionDocument/Properties/Content/inputs"
_PEOPLE = "services/Resources/SessionPolicy/Properties/PolicyDocument/Statement"
_WORKER = "services/Resources/WorkerPolicy/Properties/PolicyDocument/Statement"
_KEY = "iam/Resources/Key/Properties/KeyPolicy/Statement"
_USER_DATA = "workers-general/Resources/Template/Properties/LaunchTemplateData/UserData/Fn::Base64/Fn::Sub"
_SETTING = "session_manager_is_there_with_its_setting_only"
_LOGGED = "a_session_is_logged_as_it_goes_and_encrypted_and_ends"
_OF_PEOPLE = "people_start_sessions_on_the_clusters_nodes_with_its_document_and_end_their_own"

MUTATIONS = [
    # the setting
    Mutation(_SETTING, f"{_WORKER}/RegistryLogin/Action/-", "ssmmessages:OpenDataChannel"),
    Mutation(_SETTING, f"{_WORKER}/ServeSessions/Action/-", "ec2messages:GetMessages", _WITH),
    Mutation(_SETTING, f"{_WORKER}/ServeSessions/Action/1", GONE, _WITH),
    Mutation(_SETTING, "services/Resources/SessionDocument", GONE, _WITH),
    Mutation(_SETTING, _USER_DATA, "systemctl start amazon-ssm-agent.service"),
    Mutation(_SETTING, _USER_DATA, "systemctl start holdfast-boot.service", _WITH),
    # the document
    *(
        Mutation(_LOGGED, f"{_INPUTS}/{name}", value, _WITH)
        for name, value in (
            ("cloudWatchLogGroupName", ""),
            ("cloudWatchEncryptionEnabled", False),
            ("cloudWatchStreamingEnabled", GONE),
            ("kmsKeyId", ""),
            ("idleSessionTimeout", "60"),
            ("maxSessionDuration", ""),
            ("runAsEnabled", True),
            ("s3BucketName", "sessions"),
        )
    ),
    Mutation(_LOGGED, "services/Resources/SessionDocument/Properties/DocumentType", "Command", _WITH),
    Mutation(_LOGGED, "services/Resources/SessionDocument/Properties/Name", "shell", _WITH),
    # people
    Mutation(_OF_PEOPLE, f"{_PEOPLE}/StartSessions/Condition/StringEquals", GONE, _WITH),
    Mutation(_OF_PEOPLE, f"{_PEOPLE}/StartSessions/Condition/BoolIfExists", GONE, _WITH),
    Mutation(_OF_PEOPLE, f"{_PEOPLE}/WithThisDocument/Condition/BoolIfExists", GONE, _WITH),
    Mutation(_OF_PEOPLE, f"{_PEOPLE}/WithThisDocument/Resource/0/Fn::Sub/0", "arn:x:document/*", _WITH),
    Mutation(_OF_PEOPLE, f"{_PEOPLE}/WithThisDocument/Resource/-", {"Fn::Sub": ["arn:x:document/other", {}]}, _WITH),
    Mutation(
        _OF_PEOPLE,
        f"{_PEOPLE}/EndOwnSessions/Condition/StringEquals/ssm:resourceTag~1aws:ssmmessages:session-id",
        "*",
        _WITH,
    ),
    Mutation(_OF_PEOPLE, f"{_PEOPLE}/OpenChannels/Resource", ["*"], _WITH),
    Mutation(_OF_PEOPLE, f"{_PEOPLE}/OpenChannels/Action/-", "ssm:SendCommand", _WITH),
    Mutation(_OF_PEOPLE, f"{_PEOPLE}/EncryptSessions/Condition/ForAllValues:StringEquals", GONE, _WITH),
    # the key, what both kinds of nodes write, and how they reach it
    Mutation(
        "the_account_uses_the_key_through_services_only",
        f"{_KEY}/DecryptSessions/Condition/ForAllValues:StringEquals",
        GONE,
        _WITH,
    ),
    Mutation(
        "only_the_clusters_roles_and_operators_use_the_key", f"{_KEY}/EncryptSessions/Action/-", "kms:Decrypt", _WITH
    ),
    Mutation(
        "only_the_clusters_roles_and_operators_use_the_key",
        f"{_KEY}/DecryptSessions/Condition/StringEquals/aws:PrincipalArn/-",
        {"Fn::GetAtt": ["FunctionRole", "Arn"]},
        _WITH,
    ),
    Mutation("the_key_serves_log_groups_of_the_stack_only", "services/Resources/SessionLogGroup", GONE, _WITH),
    Mutation(
        "a_worker_writes_no_log_of_a_control_plane",
        f"{_WORKER}/LogSessions/Resource/-",
        {"Fn::GetAtt": ["AuditLogGroup", "Arn"]},
        _WITH,
    ),
    Mutation(
        "a_nodes_credentials_are_of_use_in_the_clusters_vpc_only",
        f"{_WORKER}/ServeSessions/Condition/StringEquals/aws:EC2InstanceSourceVPC",
        GONE,
        _WITH,
    ),
    Mutation(
        "an_endpoints_policy_lets_exactly_the_nodes_calls_pass",
        "network/Resources/KmsEndpoint/Properties/PolicyDocument/Statement/0/Action/-",
        "kms:Encrypt",
        _WITH,
    ),
    Mutation("endpoints_are_exactly_what_nodes_call", "network/Resources/SsmmessagesEndpoint", GONE, _WITH),
    Mutation(
        "a_role_has_the_permissions_boundary_and_the_path_that_were_given",
        "services/Resources/SessionPolicy/Properties/Path",
        GONE,
        _WITH,
    ),
]
