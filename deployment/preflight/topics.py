"""The SNS topics that alarms notify: would CloudWatch take them, and do they exist?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from botocore.exceptions import ClientError

from deployment import aws
from deployment.aws import Aws
from deployment.preflight.finding import About, Finding, Topic
from deployment.preflight.plan import ALARM_TOPICS, Plan

# Actions of an alarm for one of its states (CloudWatch API reference, PutMetricAlarm).
_MOST = 5
_MISSING = frozenset({"NotFound", "NotFoundException"})


def check(account: Aws, plan: Plan, owner: str) -> list[Finding]:
    """One finding for each topic; `owner` is the id of the account."""
    found: list[Finding] = []
    if len(plan.alarm_topics) > _MOST:
        about = About(Topic.IDENTITIES, ALARM_TOPICS)
        found.append(about.failed(f"{len(plan.alarm_topics)} topics, and an alarm notifies {_MOST} at most"))
    for arn in plan.alarm_topics:
        about = About(Topic.IDENTITIES, f"{ALARM_TOPICS} {arn}")
        found += about.answered(partial(_topic, account, about, arn, plan.region, owner))
    return found


def _topic(account: Aws, about: About, arn: str, region: str, owner: str) -> Iterator[Finding]:
    _, _, _, where, whose, name = arn.split(":", 5)
    if where != region:
        # "Invalid region ca-central-1 specified. Only us-west-2 is supported" (cds-snc/notification-terraform#128).
        yield about.failed(f"a topic in {where}, and CloudWatch takes those in {region} alone", f"give one in {region}")
        return
    if whose != owner:
        yield about.note(f"a topic of the account {whose}, whose policy has to let cloudwatch.amazonaws.com publish")
        return
    try:
        account.client("sns").get_topic_attributes(TopicArn=arn)
    except ClientError as error:
        if aws.code(error) not in _MISSING:
            raise
        yield about.warning(f"there is no topic {name}: nobody is told", "create the topic, or correct the ARN")
    else:
        yield about.ok("the topic exists")
