"""IAM: roles, instance profiles, inline policies and managed policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rehearsal.aws.cloudformation.provider import Context, Made, register
from rehearsal.aws.cloudformation.providers.translation import (
    already_gone,
    api_values,
    document,
    list_changes,
    refuse_others,
    tag_changes,
    tag_list,
    tags_of,
)

NOT_FOUND = "NoSuchEntity"


class Role:
    """AWS::IAM::Role. Ref is the role's name."""

    type_name = "AWS::IAM::Role"
    properties = frozenset(
        "AssumeRolePolicyDocument Description ManagedPolicyArns MaxSessionDuration Path PermissionsBoundary Policies "
        "RoleName Tags".split()
    )
    create_only = frozenset({"Path", "RoleName"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the role, then attach its managed policies and write its inline ones."""
        iam = context.client("iam")
        name = properties.get("RoleName") or context.physical_name(64)
        values = {
            key: properties.get(key)
            for key in ("AssumeRolePolicyDocument", "Description", "MaxSessionDuration", "Path", "PermissionsBoundary")
        }
        tags = tag_list(tags_of(context, properties.get("Tags"), system=False))
        made = iam.create_role(**api_values(iam, "CreateRole", {**values, "RoleName": name, "Tags": tags}))
        context.initiated(name)
        self._policies(iam, name, {}, properties)
        return self._made(made["Role"])

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Change everything but name and path in place."""
        iam, name = context.client("iam"), physical_id
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=document(new["AssumeRolePolicyDocument"]))
        session = {"Description": new.get("Description", ""), "MaxSessionDuration": new.get("MaxSessionDuration", 3600)}
        iam.update_role(**api_values(iam, "UpdateRole", {"RoleName": name, **session}))
        if new.get("PermissionsBoundary"):
            iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=new["PermissionsBoundary"])
        elif old.get("PermissionsBoundary"):
            iam.delete_role_permissions_boundary(RoleName=name)
        self._policies(iam, name, old, new)
        # By GetRole, for the schema's handlers name no right to list tags.
        present = {tag["Key"]: tag["Value"] for tag in iam.get_role(RoleName=name)["Role"].get("Tags") or []}
        gone, changed = tag_changes(present, tags_of(context, new.get("Tags"), system=False))
        if gone:
            iam.untag_role(RoleName=name, TagKeys=gone)
        if changed:
            iam.tag_role(RoleName=name, Tags=tag_list(changed))
        return self._made(iam.get_role(RoleName=name)["Role"])

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Take away the template's own policies, then the role; one that others attached makes IAM refuse."""
        iam = context.client("iam")
        with already_gone(NOT_FOUND):
            iam.get_role(RoleName=physical_id)
            self._policies(iam, physical_id, properties, {})
            iam.delete_role(RoleName=physical_id)

    @staticmethod
    def _policies(iam: Any, name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        added, removed = list_changes(old.get("ManagedPolicyArns"), new.get("ManagedPolicyArns"))
        for arn in added:
            iam.attach_role_policy(RoleName=name, PolicyArn=arn)
        for arn in removed:
            with already_gone(NOT_FOUND):
                iam.detach_role_policy(RoleName=name, PolicyArn=arn)
        for policy in new.get("Policies") or []:
            refuse_others(policy, ("PolicyName", "PolicyDocument"), "Policies")
            text = document(policy["PolicyDocument"])
            iam.put_role_policy(RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=text)
        kept = {policy["PolicyName"] for policy in new.get("Policies") or []}
        for policy in old.get("Policies") or []:
            if policy["PolicyName"] not in kept:
                with already_gone(NOT_FOUND):
                    iam.delete_role_policy(RoleName=name, PolicyName=policy["PolicyName"])

    @staticmethod
    def _made(role: Mapping[str, Any]) -> Made:
        return Made(role["RoleName"], {"Arn": role["Arn"], "RoleId": role["RoleId"]})


class InstanceProfile:
    """AWS::IAM::InstanceProfile. Ref is the profile's name; it holds one role."""

    type_name = "AWS::IAM::InstanceProfile"
    properties = frozenset({"InstanceProfileName", "Path", "Roles"})
    create_only = frozenset({"InstanceProfileName", "Path"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the profile and put its role in."""
        iam = context.client("iam")
        name = properties.get("InstanceProfileName") or context.physical_name(128)
        profile = iam.create_instance_profile(InstanceProfileName=name, Path=properties.get("Path") or "/")
        context.initiated(name)
        for role in properties["Roles"]:
            iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)
        return Made(name, {"Arn": profile["InstanceProfile"]["Arn"]})

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Exchange the role; the old one goes first because a profile holds only one."""
        iam = context.client("iam")
        added, removed = list_changes(old.get("Roles"), new.get("Roles"))
        for role in removed:
            with already_gone(NOT_FOUND):
                iam.remove_role_from_instance_profile(InstanceProfileName=physical_id, RoleName=role)
        for role in added:
            iam.add_role_to_instance_profile(InstanceProfileName=physical_id, RoleName=role)
        profile = iam.get_instance_profile(InstanceProfileName=physical_id)["InstanceProfile"]
        return Made(physical_id, {"Arn": profile["Arn"]})

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Take the role out, then delete the profile."""
        iam = context.client("iam")
        with already_gone(NOT_FOUND):
            profile = iam.get_instance_profile(InstanceProfileName=physical_id)["InstanceProfile"]
            for role in profile["Roles"]:
                iam.remove_role_from_instance_profile(InstanceProfileName=physical_id, RoleName=role["RoleName"])
            iam.delete_instance_profile(InstanceProfileName=physical_id)


class RolePolicy:
    """AWS::IAM::RolePolicy: one inline policy of a role that another stack may own. Ref is "name|role"."""

    type_name = "AWS::IAM::RolePolicy"
    properties = frozenset({"PolicyDocument", "PolicyName", "RoleName"})
    create_only = frozenset({"PolicyName", "RoleName"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Write the policy into the role."""
        name, role = properties["PolicyName"], properties["RoleName"]
        text = document(properties.get("PolicyDocument", {}))
        context.client("iam").put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=text)
        return Made(f"{name}|{role}")

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Write the new document over the old one."""
        return self.create(context, new)

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete the policy; a role that is gone took it along."""
        name, _, role = physical_id.partition("|")
        with already_gone(NOT_FOUND):
            context.client("iam").delete_role_policy(RoleName=role, PolicyName=name)


class ManagedPolicy:
    """AWS::IAM::ManagedPolicy. Ref is the policy's ARN."""

    type_name = "AWS::IAM::ManagedPolicy"
    properties = frozenset({"Description", "Groups", "ManagedPolicyName", "Path", "PolicyDocument", "Roles", "Users"})
    create_only = frozenset({"Description", "ManagedPolicyName", "Path"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the policy and attach it to its roles, users and groups."""
        iam = context.client("iam")
        name = properties.get("ManagedPolicyName") or context.physical_name(128)
        values = {key: properties.get(key) for key in ("Description", "Path", "PolicyDocument")}
        policy = iam.create_policy(**api_values(iam, "CreatePolicy", {**values, "PolicyName": name}))["Policy"]
        context.initiated(policy["Arn"])
        self._attach(iam, policy["Arn"], {}, properties)
        return self._made(iam, policy["Arn"])

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Make a new default version (IAM keeps five, so the others go first) and change the attachments."""
        iam = context.client("iam")
        if old.get("PolicyDocument") != new.get("PolicyDocument"):
            for version in iam.list_policy_versions(PolicyArn=physical_id)["Versions"]:
                if not version["IsDefaultVersion"]:
                    iam.delete_policy_version(PolicyArn=physical_id, VersionId=version["VersionId"])
            text = document(new["PolicyDocument"])
            iam.create_policy_version(PolicyArn=physical_id, PolicyDocument=text, SetAsDefault=True)
        self._attach(iam, physical_id, old, new)
        return self._made(iam, physical_id)

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Detach the policy from whom the template names, delete its older versions, then the policy.

        One that somebody else has attached makes IAM refuse.
        """
        iam = context.client("iam")
        self._attach(iam, physical_id, properties, {})
        with already_gone(NOT_FOUND):
            for version in iam.list_policy_versions(PolicyArn=physical_id)["Versions"]:
                if not version["IsDefaultVersion"]:
                    iam.delete_policy_version(PolicyArn=physical_id, VersionId=version["VersionId"])
            iam.delete_policy(PolicyArn=physical_id)

    @staticmethod
    def _attach(iam: Any, arn: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        for holders, attach, detach, name in (
            ("Roles", iam.attach_role_policy, iam.detach_role_policy, "RoleName"),
            ("Users", iam.attach_user_policy, iam.detach_user_policy, "UserName"),
            ("Groups", iam.attach_group_policy, iam.detach_group_policy, "GroupName"),
        ):
            added, removed = list_changes(old.get(holders), new.get(holders))
            for holder in added:
                attach(PolicyArn=arn, **{name: holder})
            for holder in removed:
                with already_gone(NOT_FOUND):
                    detach(PolicyArn=arn, **{name: holder})

    @staticmethod
    def _made(iam: Any, arn: str) -> Made:
        policy = iam.get_policy(PolicyArn=arn)["Policy"]
        names = ("PolicyId", "DefaultVersionId", "AttachmentCount", "IsAttachable", "PermissionsBoundaryUsageCount")
        return Made(arn, {"PolicyArn": arn, **{name: policy[name] for name in names if name in policy}})


for provider in (Role(), InstanceProfile(), RolePolicy(), ManagedPolicy()):
    register(provider)
