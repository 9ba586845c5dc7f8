"""What ends old images: a lifecycle policy, and a role that cannot end an image in use."""

from __future__ import annotations

from typing import Any

from troposphere import AccountId, GetAtt, If, NoValue, Ref, Split, StackName, Sub, Template
from troposphere import imagebuilder as ib

from coordination.names import IMAGE_TAG, IN_USE, IN_USE_TAG
from generator.grant import On, Role
from generator.image.instances import role_of
from generator.image.parameters import ImageParameters
from generator.image.permissions import granted_to
from generator.policies import attach_granted
from generator.values import RoleName


def add(template: Template, given: ImageParameters) -> None:
    """The policy and its role; DISABLED where nobody wants old images deleted."""
    role = role_of(
        template,
        given,
        "LifecycleRole",
        "imagebuilder.amazonaws.com",
        "what deletes old images",
        {"StringEquals": {"aws:SourceAccount": AccountId}},
    )
    resources: dict[On, list[Any]] = {
        On.ANY: ["*"],
        On.IMAGES: [Sub("arn:${AWS::Partition}:imagebuilder:${AWS::Region}:${AWS::AccountId}:image/*")],
        # In the regions of copies, too. The ARNs of AMIs and snapshots have no account.
        On.AMIS: [Sub("arn:${AWS::Partition}:ec2:*::image/*")],
        On.SNAPSHOTS: [Sub("arn:${AWS::Partition}:ec2:*::snapshot/*")],
    }
    attach_granted(template, "image", RoleName(Ref(role)), granted_to(Role.IMAGE_LIFECYCLE), resources)
    kept = ib.AmiExclusionRules(
        TagMap={IN_USE_TAG: IN_USE},
        LastLaunched=ib.LastLaunched(Value=given.launched_days, Unit="DAYS"),
        SharedAccounts=If("HasAccounts", Split(",", given.account_ids), NoValue),
    )
    template.add_resource(
        ib.LifecyclePolicy(
            "OldImages",
            Name=StackName,
            Description="Deletes old images, and none that is in use, was launched lately or is shared with an account",
            ExecutionRole=GetAtt(role, "Arn"),
            ResourceType="AMI_IMAGE",
            Status=If("DeletesOldImages", "ENABLED", "DISABLED"),
            PolicyDetails=[
                ib.PolicyDetail(
                    Action=ib.Action(Type="DELETE", IncludeResources=ib.IncludeResources(Amis=True, Snapshots=True)),
                    Filter=ib.Filter(
                        Type="AGE", Value=given.delete_after_days, Unit="DAYS", RetainAtLeast=given.kept_images
                    ),
                    ExclusionRules=ib.ExclusionRules(Amis=kept, TagMap={IN_USE_TAG: IN_USE}),
                )
            ],
            # Not by recipe: its versions come and go with the stack's parameters.
            ResourceSelection=ib.ResourceSelection(TagMap={IMAGE_TAG: StackName}),
            Tags={IMAGE_TAG: StackName},
            DependsOn=["LifecyclePolicy"],
        )
    )
