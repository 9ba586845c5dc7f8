"""One run of a lifecycle policy: which images are old, which of them stay all the same, and the deletion of the others.

What AWS says of it is in the API reference: LifecyclePolicyDetailFilter of what is old and how many are kept,
LifecyclePolicyDetailExclusionRules(Amis) of what stays. What it does not say is assumed so that more stays: images that
stay count among those that are kept, of an image with an AMI that stays everything stays, and a build that has made
no image is left alone. Requests are made by the policy's role. AMIs have no snapshots here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from rehearsal.aws.iam.enforcement import enforcement_of
from rehearsal.aws.imagebuilder.api_base import moment
from rehearsal.aws.imagebuilder.model import Body, Execution, ImageBuild

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws
    from rehearsal.aws.sessions import Session

PRINCIPAL = "imagebuilder.amazonaws.com"
SESSION_SECONDS = 3600.0
MADE = frozenset({"AVAILABLE", "DEPRECATED", "DISABLED"})
"""States of images that a build has made."""
_UNITS = {"DAYS": 1.0, "WEEKS": 7.0, "MONTHS": 365 / 12, "YEARS": 365.0}


class PolicyRun:
    """One policy, once."""

    def __init__(self, aws: LocalAws, region: str, policy: Body, execution: Execution) -> None:
        self._aws = aws
        self._region = region
        self._policy = policy
        self._execution = execution

    def run(self, images: Sequence[ImageBuild]) -> Body:
        """The execution's state at its end; what was looked at is in the execution. Hold no lock."""
        try:
            session = self._session()
            if session is None:
                return _failed(f"{PRINCIPAL} cannot assume {self._policy['executionRole']}")
            for rule in self._policy["policyDetails"]:
                action = rule["action"]["type"]
                if action != "DELETE":
                    return _failed(f"A rule that has the action {action} is not supported by the local AWS")
                for image in self._old(rule["filter"], [each for each in images if self._selects(each)]):
                    self._execution.resources += self._deleted(image, rule, session)
        except ClientError as error:
            return _failed(str(error))
        failed = [each for each in self._execution.resources if each["state"]["status"] == "FAILED"]
        return _failed(failed[0]["state"]["reason"]) if failed else {"status": "SUCCESS"}

    def _session(self) -> Session | None:
        role: str = self._policy["executionRole"]
        if not role.startswith("arn:"):
            partition = self._policy["arn"].split(":")[1]
            role = f"arn:{partition}:iam::{self._aws.account_id}:role/{role}"
        told = {"aws:SourceAccount": self._aws.account_id}
        if not enforcement_of(self._aws).judge.service_may_assume(PRINCIPAL, role, told).allowed:
            return None
        return self._aws.sessions.issue(role, "ImageBuilderLifecycle", SESSION_SECONDS)

    def _selects(self, image: ImageBuild) -> bool:
        selection: Body = self._policy["resourceSelection"]
        if image.state["status"] not in MADE:
            return False
        if selection.get("tagMap"):
            return all(image.tags.get(key) == value for key, value in selection["tagMap"].items())
        return any(
            each["name"] == image.name and _matches(each["semanticVersion"], image.recipe["version"])
            for each in selection["recipes"]
        )

    def _old(self, given: Body, images: Sequence[ImageBuild]) -> list[ImageBuild]:
        """Those that the filter finds, the oldest first."""
        newest_first = sorted(images, key=lambda each: each.created, reverse=True)
        if given["type"] == "COUNT":
            return newest_first[given["value"] :][::-1]
        before = self._aws.clock.now() - _span(given)
        beyond = newest_first[given.get("retainAtLeast") or 0 :]
        return [each for each in reversed(beyond) if datetime.fromisoformat(each.created) < before]

    def _deleted(self, image: ImageBuild, rule: Body, session: Session) -> Iterator[Body]:
        """What became of an image and of its AMIs."""
        rules = rule.get("exclusionRules") or {}
        by_tags = _has_any(rules.get("tagMap"), image.tags)
        reason = "its tags" if by_tags else self._kept(image, rules.get("amis") or {}, session)
        if reason:
            yield self._resource(image.arn, self._region, "SKIPPED", f"excluded by {reason}")
            return
        if (rule["action"].get("includeResources") or {}).get("amis"):
            for each in image.amis:
                try:
                    self._aws.client("ec2", each["region"], session).deregister_image(ImageId=each["image"])
                except ClientError as error:
                    yield self._resource(each["image"], each["region"], "FAILED", str(error))
                    return
                yield self._resource(each["image"], each["region"], "SUCCESS")
        try:
            builder = self._aws.client("imagebuilder", self._region, session)
            builder.delete_image(imageBuildVersionArn=image.arn)
        except ClientError as error:
            yield self._resource(image.arn, self._region, "FAILED", str(error))
            return
        yield self._resource(image.arn, self._region, "SUCCESS")

    def _kept(self, image: ImageBuild, rules: Body, session: Session) -> str:
        """Why one of an image's AMIs stays; empty where none does. ClientError."""
        return next((reason for each in image.amis if (reason := self._kept_ami(each, rules, session))), "")

    def _kept_ami(self, ami: Body, rules: Body, session: Session) -> str:
        region, identity = ami["region"], ami["image"]
        if region in (rules.get("regions") or []):
            return f"the region of {identity}"
        ec2 = self._aws.client("ec2", region, session)
        found = ec2.describe_images(Filters=[{"Name": "image-id", "Values": [identity]}])["Images"]
        if not found:
            return ""
        tags = {each["Key"]: each["Value"] for each in found[0].get("Tags", [])}
        if _has_any(rules.get("tagMap"), tags):
            return f"the tags of {identity}"
        if rules.get("sharedAccounts") or rules.get("isPublic"):
            attribute = ec2.describe_image_attribute(ImageId=identity, Attribute="launchPermission")
            permitted = attribute["LaunchPermissions"]
            if {each.get("UserId") for each in permitted} & set(rules.get("sharedAccounts") or []):
                return f"the accounts that {identity} is shared with"
            if rules.get("isPublic") and any(each.get("Group") == "all" for each in permitted):
                return f"the public, with whom {identity} is shared"
        if rules.get("lastLaunched"):
            launched = self._last_launched(region, identity)
            if launched is not None and launched > self._aws.clock.now() - _span(rules["lastLaunched"]):
                return f"the last launch of {identity}"
        return ""

    def _last_launched(self, region: str, ami: str) -> datetime | None:
        """When an instance of the AMI was started last; moto keeps no such attribute of AMIs."""
        named = [{"Name": "image-id", "Values": [ami]}]
        pages = self._aws.client("ec2", region).get_paginator("describe_instances").paginate(Filters=named)
        reservations = [each for found in pages for each in found["Reservations"]]
        started: list[datetime] = [each["LaunchTime"] for found in reservations for each in found["Instances"]]
        return self._aws.clock.at(max(started)) if started else None

    def _resource(self, identity: str, region: str, status: str, reason: str = "") -> Body:
        now = moment(self._aws.clock)
        return {
            "accountId": self._aws.account_id,
            "resourceId": identity,
            "region": region,
            "action": {"name": "DELETE"},
            "state": {"status": status, **({"reason": reason} if reason else {})},
            "startTime": now,
            "endTime": now,
        }


def _failed(reason: str) -> Body:
    return {"status": "FAILED", "reason": reason}


def _span(given: Mapping[str, Any]) -> timedelta:
    return timedelta(days=given["value"] * _UNITS[given["unit"]])


def _has_any(wanted: Mapping[str, str] | None, tags: Mapping[str, str]) -> bool:
    """Whether one of the tags is there, with its value."""
    return any(tags.get(key) == value for key, value in (wanted or {}).items())


def _matches(pattern: str, version: str) -> bool:
    """Whether a version is one of `1.0.x`."""
    pairs = zip(pattern.split("."), version.split("."), strict=False)
    return all(wanted in ("x", found) for wanted, found in pairs)
