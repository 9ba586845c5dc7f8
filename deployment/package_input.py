"""What `make package` is given, looked at before anything that an earlier run has written is touched."""

from __future__ import annotations

from pathlib import Path

from botocore.exceptions import ClientError, CredentialRetrievalError, NoCredentialsError, PartialCredentialsError

from deployment import clusters, stacks, staging, templates
from deployment.aws import Aws
from deployment.aws import code as error_code
from deployment.next_steps import Typed
from deployment.refusal import Refusal
from deployment.templates import Body

CODE = "Code"
# What refers to local files in our templates.
_REFERENCES = {"AWS::CloudFormation::Stack": "TemplateURL", "AWS::Lambda::Function": CODE}
# Nobody has uploaded that: what is asked is whether there is the bucket.
_ABSENT_KEY = "holdfast-no-such-object"


def local_references(body: Body) -> dict[str, tuple[str, str]]:
    """The property and the path by which resources refer to local files, by the resources' logical ids."""
    found: dict[str, tuple[str, str]] = {}
    for name, resource in body["Resources"].items():
        property_name = _REFERENCES.get(resource["Type"], "")
        value = resource.get("Properties", {}).get(property_name)
        if isinstance(value, str) and "://" not in value:
            found[name] = property_name, value
    return found


def refuse_no_bucket(bucket: str) -> None:
    """Raises Refusal where none was typed."""
    if not bucket:
        raise Refusal("a bucket is needed: BUCKET=<one of yours in the region of the stack>")


def refuse(aws: Aws, template: Path, bucket: str, prefix: str | None, code: Path | None, typed: Typed) -> None:
    """Raises Refusal for files that are not there, for no bucket and no credentials, and for templates of another
    partition than the account's, or of another cluster than the stack's that was typed; ClientError.
    """
    refuse_no_bucket(bucket)
    root = templates.load(template, typed.make("templates"))
    with staging.beside_code(template, code) as staged:
        _refuse_unreadable(staged, typed)
    _refuse_absent_bucket(aws, bucket, prefix)
    clusters.refuse_partition_of_others(aws, root, typed)
    _refuse_other_cluster(aws, root, typed)


def _refuse_unreadable(template: Path, typed: Typed) -> None:
    body = templates.load(template, typed.make("templates"))
    for reference, value in local_references(body).values():
        path = template.parent / value
        if reference != CODE:
            _refuse_unreadable(path, typed)
            continue
        try:
            path.open("rb").close()
        except OSError as error:
            raise Refusal(f"{path.resolve()}: {error.strerror}; make function makes it") from error


def _refuse_absent_bucket(aws: Aws, bucket: str, prefix: str | None) -> None:
    """HeadBucket would need s3:ListBucket; GetObject is what packaging needs anyway."""
    try:
        aws.client("s3").get_object(Bucket=bucket, Key=f"{prefix}/{_ABSENT_KEY}" if prefix else _ABSENT_KEY)
    except (CredentialRetrievalError, NoCredentialsError, PartialCredentialsError) as error:
        raise Refusal(str(error)) from error
    except ClientError as error:
        if error_code(error) == "NoSuchBucket":
            raise Refusal(
                f"BUCKET: given {bucket}, which does not exist; allowed: one of the stack's region"
            ) from error
        # Whoever may not list the bucket is told AccessDenied of what is not there.
        if error_code(error) not in {"NoSuchKey", "AccessDenied"}:
            raise


def _refuse_other_cluster(aws: Aws, root: Body, typed: Typed) -> None:
    if not typed.stack:
        return
    cloudformation = aws.client("cloudformation")
    stack = stacks.find(cloudformation, typed.stack)
    if stack is not None and stack.is_made:
        clusters.refuse_foreign(cloudformation, stack)
        clusters.refuse_other_cluster(cloudformation, stack, root, typed)
