"""The organisation's tags: what every service takes that they reach, and no key that somebody acts on."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator

from coordination.names import EBS_CSI_TAG
from generator.config.model import ClusterConfig
from generator.config.problem import Problem, below, shown

# What IAM, Lambda, Systems Manager, Elastic Load Balancing and CloudWatch Logs take, by the patterns of their API
# references: letters, digits and blanks of Unicode, and these. EC2 and Auto Scaling take more.
_SYMBOLS = "_.:/=+-@"
_CHARACTERS = f"letters, digits, spaces and {_SYMBOLS}"
# No blank but the plain one is printable, and a value on one line is.
_CATEGORIES = ("L", "N")
_LONGEST_KEY, _LONGEST_VALUE = 128, 256
# Of an SSM parameter of the standard tier.
_LONGEST_TEXT = 4096
# Of AWS itself, in any case of its letters.
_AWS = "aws:"
_OWN = "holdfast:"
_OWN_KEY = "Name"
# Controllers find by these what is theirs: the cluster autoscaler its pools, others subnets and security groups.
_KUBERNETES = ("kubernetes.io", "k8s.io")
# By these the EBS CSI driver knows volumes for its own, and its role may change what has the first: an organisation's
# tag is on etcd's volumes, too. The driver does not start where it is told to give one of them.
_OF_VOLUMES = (EBS_CSI_TAG, "CSIVolumeName", "CSIVolumeSnapshotName")


def tag_keys_are_accepted(config: ClusterConfig) -> Iterator[Problem]:
    for key in config.tags:
        folded, allowed = key.casefold(), ""
        if not 1 <= len(key) <= _LONGEST_KEY or not _is_plain(key):
            allowed = f"1 to {_LONGEST_KEY} {_CHARACTERS}"
        elif folded.startswith(_AWS):
            allowed = f"keys that do not begin with {_AWS}, which is AWS's own"
        elif folded.startswith(_OWN) or folded == _OWN_KEY.casefold():
            allowed = f"keys besides {_OWN_KEY} and {_OWN}…, which Holdfast sets itself"
        elif _is_of_kubernetes(folded):
            allowed = f"keys outside {', '.join(_KUBERNETES)}, by which controllers find what is theirs"
        elif folded in {each.casefold() for each in _OF_VOLUMES}:
            allowed = f"keys besides {', '.join(_OF_VOLUMES)}, by which the EBS CSI driver finds what is its own"
        if allowed:
            yield Problem(path=below("tags", key), given=shown(key), allowed=allowed)


def tags_fit_the_ebs_csi_driver(config: ClusterConfig) -> Iterator[Problem]:
    """It counts bytes where AWS counts characters (pkg/driver/validation.go), and does not start with one too many."""
    if not config.addons.ebs_csi:
        return
    for key, value in config.tags.items():
        for text, longest in ((key, _LONGEST_KEY), (value, _LONGEST_VALUE)):
            length = len(text.encode())
            if len(text) <= longest < length:
                given, allowed = f"{length} bytes in UTF-8", f"at most {longest} with addons.ebsCsi"
                yield Problem(path=below("tags", key), given=given, allowed=allowed, rests_on=("addons.ebsCsi",))


def tag_values_are_accepted(config: ClusterConfig) -> Iterator[Problem]:
    """CloudFormation takes no empty value of a stack's tag."""
    for key, value in config.tags.items():
        if not 1 <= len(value) <= _LONGEST_VALUE or not _is_plain(value):
            allowed = f"1 to {_LONGEST_VALUE} {_CHARACTERS}"
            yield Problem(path=below("tags", key), given=shown(value), allowed=allowed)


def tags_differ_in_more_than_case(config: ClusterConfig) -> Iterator[Problem]:
    """IAM compares keys without regard to case, and refuses a role with two that are the same then."""
    first: dict[str, str] = {}
    for key in config.tags:
        earlier = first.setdefault(key.casefold(), key)
        if earlier != key:
            path = below("tags", key)
            allowed = f"a key that differs from {shown(earlier)} in more than case"
            yield Problem(path=path, given=shown(key), allowed=allowed, rests_on=(below("tags", earlier),))


def tags_fit_a_parameter(config: ClusterConfig) -> Iterator[Problem]:
    """Nodes read them there; only letters that take more than a byte can be so many."""
    length = len(json.dumps(config.tags, ensure_ascii=False).encode())
    if length > _LONGEST_TEXT:
        yield Problem(path="tags", given=f"tags of {length} bytes as JSON", allowed=f"at most {_LONGEST_TEXT}")


def _is_plain(text: str) -> bool:
    return all(each == " " or each in _SYMBOLS or unicodedata.category(each)[0] in _CATEGORIES for each in text)


def _is_of_kubernetes(key: str) -> bool:
    prefix = key.partition("/")[0]
    return "/" in key and any(prefix == domain or prefix.endswith(f".{domain}") for domain in _KUBERNETES)


RULES = (
    tag_keys_are_accepted,
    tag_values_are_accepted,
    tags_differ_in_more_than_case,
    tags_fit_a_parameter,
    tags_fit_the_ebs_csi_driver,
)
