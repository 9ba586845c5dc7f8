"""What Service Catalog has CloudFormation do for a launched product, by the launch role or by the caller's own rights.

It keeps a copy of each template in a bucket of its own, with the rules of template constraints in it, and marks it with
the tag that launch roles are told to read by (administrator guide, "Step 6: Add a launch constraint to assign an IAM
role").
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from rehearsal.aws.cloudformation.template import parse
from rehearsal.aws.polling import last_look
from rehearsal.aws.servicecatalog.model import TEMPLATE, Body, Constraint, LaunchRecord

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws
    from rehearsal.aws.sessions import Session

LOG = logging.getLogger(__name__)

SERVICE = "servicecatalog.amazonaws.com"
SESSION_SECONDS = 12 * 3600.0
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
_MARK = "servicecatalog:provisioning=true"
_GOOD = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"})


class Launching:
    """One operation on a launched product, in a thread of its own."""

    def __init__(self, aws: LocalAws, region: str, record: LaunchRecord, session: Session | None) -> None:
        self._aws = aws
        self._region = region
        self._record = record
        self._cloudformation = aws.client("cloudformation", region, session)
        self._begun = False

    def create(self, url: str, parameters: Sequence[Body], tags: Mapping[str, str]) -> None:
        """Make the stack; one that fails is rolled back, and stays."""
        launched = self._record.launched

        def begin() -> None:
            answer = self._cloudformation.create_stack(
                StackName=f"SC-{self._aws.account_id}-{launched.identity}",
                TemplateURL=url,
                Parameters=list(parameters),
                Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
                Capabilities=CAPABILITIES,
            )
            launched.stack_id = answer["StackId"]

        self._start(begin, failed="ERROR")

    def update(self, url: str, parameters: Sequence[Body], version: str) -> None:
        """Update the stack; one that fails goes back, and the version with it."""

        def begin() -> None:
            self._cloudformation.update_stack(
                StackName=self._record.launched.stack_id,
                TemplateURL=url,
                Parameters=list(parameters),
                Capabilities=CAPABILITIES,
            )

        def done() -> None:
            self._record.launched.version = version

        self._start(begin, failed="TAINTED", done=done)

    def delete(self, done: Callable[[], None], *, ignore_errors: bool) -> None:
        """Delete the stack, then forget the product; with `ignore_errors` whatever becomes of the stack."""
        launched = self._record.launched

        def begin() -> None:
            if launched.stack_id:
                self._cloudformation.delete_stack(StackName=launched.stack_id)

        self._start(begin, failed="TAINTED", done=done, whatever=ignore_errors)

    def _start(
        self, begin: Callable[[], None], *, failed: str, done: Callable[[], None] = lambda: None, whatever: bool = False
    ) -> None:
        def run() -> None:
            try:
                problem = self._carried_out(begin)
            except Exception as error:
                LOG.exception("a launch failed in the local AWS itself")
                problem = {"Code": "InternalError", "Description": str(error)}
            launched, record = self._record.launched, self._record
            if problem is None or whatever:
                done()
            launched.status = failed if problem is not None and (self._begun or not launched.stack_id) else "AVAILABLE"
            launched.message = "" if problem is None else problem["Description"]
            record.errors = [] if problem is None else [problem]
            record.updated = self._aws.clock.now()
            record.status = "SUCCEEDED" if problem is None else "FAILED"

        self._record.launched.status = "UNDER_CHANGE"
        self._record.status = "IN_PROGRESS"
        self._aws.work(f"launch-{self._record.identity}", run)

    def _carried_out(self, begin: Callable[[], None]) -> Body | None:
        """The problem that it ended with, as a RecordError; None where it ended well."""
        try:
            begin()
            self._begun = True
            stack = self._ended()
        except ClientError as error:
            said = error.response["Error"]
            return {"Code": said["Code"], "Description": said["Message"]}
        if stack is None or stack["StackStatus"] in _GOOD:
            self._record.outputs = [
                {"OutputKey": each["OutputKey"], "OutputValue": each["OutputValue"]}
                for each in (stack or {}).get("Outputs") or ()
            ]
            return None
        reason = stack.get("StackStatusReason") or ""
        return {"Code": "ResourceFailure", "Description": f"The stack is {stack['StackStatus']}. {reason}".strip()}

    def _ended(self) -> Body | None:
        """The stack once nothing is under way; None where there never was one."""
        name = self._record.launched.stack_id
        if not name:
            return None
        stack: Body = last_look(
            self._aws.stopping,
            lambda: self._cloudformation.describe_stacks(StackName=name)["Stacks"][0],
            lambda found: not found["StackStatus"].endswith("_IN_PROGRESS"),
        )
        return stack


def copied(aws: LocalAws, region: str, template: str, constraints: Sequence[Constraint]) -> str:
    """The URL of Service Catalog's own copy of a template, with the constraints' rules in it."""
    body = parse(template).document
    rules: dict[str, Any] = dict(body.get("Rules") or {})
    for each in constraints:
        if each.kind == TEMPLATE:
            rules |= {
                f"{each.identity.replace('-', '')}{name}": rule
                for name, rule in json.loads(each.parameters)["Rules"].items()
            }
    text = json.dumps({**body, **({"Rules": rules} if rules else {})})
    bucket = f"sc-local-{aws.account_id}-{region}"
    key = f"{hashlib.sha256(text.encode()).hexdigest()}.template"
    s3 = aws.client("s3", region)
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError:
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=bucket, **place)
    s3.put_object(Bucket=bucket, Key=key, Body=text.encode(), Tagging=_MARK)
    return f"https://s3.{region}.amazonaws.com/{bucket}/{key}"
