"""Repositories of images: as many as IAM has room for in the policies of a role."""

from __future__ import annotations

from collections.abc import Iterator

from generator.config.model import ClusterConfig
from generator.config.problem import Problem

# What an entry takes beside its own text: an ARN's beginning with the longest names of partition and region, quotes and
# a comma. And what is left for entries in the policies of control planes, with everything else that may be in them, of
# the 10,240 characters that a role's inline policies may have together (IAM guide, "IAM and AWS STS quotas"). Without
# access.ssm ten entries of a hundred characters fit. tests/templates/test_largest.py holds both.
_ENTRY_CHARACTERS = 65
_ROOM_WITH_SSM = 580
# The ARN of one more role that control planes assume.
_EBS_CSI_CHARACTERS = 235


def repositories_fit_into_the_policies_of_a_role(config: ClusterConfig) -> Iterator[Problem]:
    patterns = config.kubernetes.image_repositories
    taken = sum(_ENTRY_CHARACTERS + len(pattern) for pattern in patterns)
    settings = ("access.ssm", *(("addons.ebsCsi",) if config.addons.ebs_csi else ()))
    room = _ROOM_WITH_SSM - (_EBS_CSI_CHARACTERS if config.addons.ebs_csi else 0)
    if config.access.ssm and taken > room:
        yield Problem(
            path="kubernetes.imageRepositories",
            given=f"{len(patterns)} entries, {taken} characters with {_ENTRY_CHARACTERS} more for each",
            allowed=f"at most {room} with {' and '.join(settings)} (IAM bounds a role's policies), so one with * for "
            "several",
            rests_on=settings,
        )


RULES = (repositories_fit_into_the_policies_of_a_role,)
