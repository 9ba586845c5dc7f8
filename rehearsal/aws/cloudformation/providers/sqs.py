"""SQS: queues and their policies."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.cloudformation.provider import Context, Made, register
from rehearsal.aws.cloudformation.providers.translation import already_gone, document, tag_changes, tags_of

NAME_LENGTH = 80
NOT_FOUND = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")


class Queue:
    """AWS::SQS::Queue. Ref is the queue's URL."""

    type_name = "AWS::SQS::Queue"
    settings = frozenset(
        "ContentBasedDeduplication DeduplicationScope DelaySeconds FifoQueue FifoThroughputLimit "
        "KmsDataKeyReusePeriodSeconds KmsMasterKeyId MaximumMessageSize MessageRetentionPeriod "
        "ReceiveMessageWaitTimeSeconds RedriveAllowPolicy RedrivePolicy SqsManagedSseEnabled VisibilityTimeout".split()
    )
    properties = settings | {"QueueName", "Tags"}
    create_only = frozenset({"FifoQueue", "QueueName"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the queue with all its attributes."""
        sqs = context.client("sqs")
        suffix = ".fifo" if str(properties.get("FifoQueue", "")).lower() == "true" else ""
        name = properties.get("QueueName") or context.physical_name(NAME_LENGTH - len(suffix)) + suffix
        tags = tags_of(context, properties.get("Tags"), system=False)
        url = sqs.create_queue(QueueName=name, Attributes=self._attributes(properties), tags=tags)["QueueUrl"]
        return self._made(sqs, url)

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Change attributes and tags; what the template no longer names goes back to the API's default."""
        sqs = context.client("sqs")
        before, after = self._attributes(old), self._attributes(new)
        reset = {name: DEFAULTS.get(name, "") for name in before if name not in after}
        changed_settings = reset | {name: value for name, value in after.items() if before.get(name) != value}
        if changed_settings:
            sqs.set_queue_attributes(QueueUrl=physical_id, Attributes=changed_settings)
        present = sqs.list_queue_tags(QueueUrl=physical_id).get("Tags", {})
        gone, changed = tag_changes(present, tags_of(context, new.get("Tags"), system=False))
        if gone:
            sqs.untag_queue(QueueUrl=physical_id, TagKeys=gone)
        if changed:
            sqs.tag_queue(QueueUrl=physical_id, Tags=changed)
        return self._made(sqs, physical_id)

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete the queue with its messages."""
        with already_gone(*NOT_FOUND):
            context.client("sqs").delete_queue(QueueUrl=physical_id)

    def _attributes(self, properties: dict[str, Any]) -> dict[str, str]:
        values = {name: properties[name] for name in self.settings if properties.get(name) is not None}
        return {name: str(value).lower() if isinstance(value, bool) else _text(value) for name, value in values.items()}

    @staticmethod
    def _made(sqs: Any, url: str) -> Made:
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return Made(url, {"Arn": arn, "QueueName": arn.rpartition(":")[2], "QueueUrl": url})


# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
DEFAULTS = {
    "DelaySeconds": "0",
    "KmsDataKeyReusePeriodSeconds": "300",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "SqsManagedSseEnabled": "true",
    "VisibilityTimeout": "30",
}


def _text(value: Any) -> str:
    return document(value) if isinstance(value, (dict, list)) else str(value)


class QueuePolicy:
    """AWS::SQS::QueuePolicy: one policy on one or more queues. Ref is a generated id."""

    type_name = "AWS::SQS::QueuePolicy"
    properties = frozenset({"PolicyDocument", "Queues"})
    create_only: frozenset[str] = frozenset()

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Write the policy on every queue."""
        name = context.physical_name(80)
        context.initiated(name)
        self._write(context, properties["Queues"], properties["PolicyDocument"])
        return Made(name, {"Id": name})

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Write the policy on the queues named now, take it from those no longer named."""
        self._write(context, new["Queues"], new["PolicyDocument"])
        self._clear(context, [url for url in old["Queues"] if url not in new["Queues"]])
        return Made(physical_id, {"Id": physical_id})

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Take the policy from every queue."""
        self._clear(context, properties["Queues"])

    @staticmethod
    def _write(context: Context, urls: list[str], policy: Any) -> None:
        for url in urls:
            context.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(policy)})

    @staticmethod
    def _clear(context: Context, urls: list[str]) -> None:
        for url in urls:
            with already_gone(*NOT_FOUND):
                context.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})


for provider in (Queue(), QueuePolicy()):
    register(provider)
