"""The permissions of requests to SQS; a batch needs the action of its single request."""

from __future__ import annotations

from rehearsal.aws.iam.requests import generic
from rehearsal.aws.iam.requests.asked import Asked, Need, State, behalf

ACTIONS = {
    "SendMessageBatch": "SendMessage",
    "DeleteMessageBatch": "DeleteMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
}
KEY_USES = {"SendMessage": ("GenerateDataKey", "Decrypt"), "ReceiveMessage": ("Decrypt",)}
"""What a queue with a KMS key needs of it (SQS guide, "Configuring KMS permissions")."""


def needs(asked: Asked, state: State) -> list[Need]:
    """The permissions of a request. Raises NotModelled."""
    action = ACTIONS.get(asked.operation, asked.operation)
    url = asked.parameters.get("QueueUrl")
    if url is None:
        needed = generic.needs(asked, action)
        return needed + (generic.tagging(asked, "sqs:TagQueue", needed[0].resource) if action == "CreateQueue" else [])
    return on_queue(action, asked.arn("sqs", str(url).rstrip("/").rpartition("/")[2]), state)


def on_queue(action: str, queue_arn: str, state: State) -> list[Need]:
    """What an action on a queue needs, of the queue and of its key."""
    _, _, _, region, _, name = queue_arn.split(":", 5)
    found = [Need(f"sqs:{action}", queue_arn)]
    for use in KEY_USES.get(action, ()):
        found += behalf("sqs", use, state.queue_key(region, name), {"aws:sqs:arn": queue_arn})
    return found
