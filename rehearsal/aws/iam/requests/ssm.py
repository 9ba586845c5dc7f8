"""The permissions of Parameter Store's requests, of the keys of its SecureStrings, and of Session Manager's."""

from __future__ import annotations

from collections.abc import Mapping

from rehearsal.aws.iam.context import Values
from rehearsal.aws.iam.requests import generic
from rehearsal.aws.iam.requests.asked import Asked, Need, NotModelled, State, behalf

BY_NAME = {
    "GetParameter": "Name",
    "GetParameterHistory": "Name",
    "GetParameters": "Names",
    "GetParametersByPath": "Path",
    "PutParameter": "Name",
    "DeleteParameter": "Name",
    "DeleteParameters": "Names",
    "LabelParameterVersion": "Name",
    "UnlabelParameterVersion": "Name",
}
"""Operations on parameters, and where their names stand."""
OF_SESSIONS = frozenset({"ResumeSession", "TerminateSession"})
"""Operations on sessions, of which there are none here: who owns one, and its tags, nobody could tell."""


def needs(asked: Asked, state: State) -> list[Need]:
    """The permissions of a request. Raises NotModelled outside Parameter Store, where no parameter names a resource."""
    given = asked.parameters
    operation = asked.operation
    if operation in OF_SESSIONS:
        raise NotModelled(f"ssm:{operation}")
    if operation == "StartSession":
        return _session(asked)
    if operation == "StartAutomationExecution":
        # On both (Systems Manager guide, "Setting up identity based policies examples"); the execution has no ID yet.
        # The role that the document names is judged by the service, which alone knows the document.
        places = (f"document/{given['DocumentName']}", "automation-execution/*")
        return [Need(f"ssm:{operation}", asked.arn("ssm", place), generic.tag_values(asked)) for place in places]
    if given.get("ResourceType") == "Parameter":
        return [Need(f"ssm:{operation}", _arn(asked, given["ResourceId"]), generic.tag_values(asked))]
    if operation.endswith("Document") or given.get("ResourceType") == "Document":
        return _of_document(asked)
    if operation not in BY_NAME:
        return generic.needs(asked)
    names = [_plain(name) for name in generic.texts(given.get(BY_NAME[operation]))]
    values = _values(asked) | generic.tag_values(asked)
    found = [Need(f"ssm:{operation}", _arn(asked, name), values) for name in names]
    if operation == "PutParameter":
        # Systems Manager guide, "Tagging parameters": with tags the caller needs both.
        found += generic.tagging(asked, "ssm:AddTagsToResource", found[0].resource)
    if operation == "PutParameter" and _is_secret(asked, state):
        # The standard tier encrypts the value itself, the advanced one a data key (Systems Manager guide).
        action = "GenerateDataKey" if given.get("Tier") == "Advanced" else "Encrypt"
        found += _with_key(asked, action, {names[0]: _new_key(asked, state, names[0])})
    elif given.get("WithDecryption"):
        for name in names:
            keys = state.parameter_keys(asked.region, name, below=operation == "GetParametersByPath")
            found += _with_key(asked, "Decrypt", keys)
    return found


def _of_document(asked: Asked) -> list[Need]:
    """One with tags takes the right to tag, too: so the create handler of AWS::SSM::Document has it in its schema."""
    resource = asked.arn("ssm", f"document/{asked.parameters.get('Name') or asked.parameters['ResourceId']}")
    found = [Need(f"ssm:{asked.operation}", resource, generic.tag_values(asked))]
    if asked.operation == "CreateDocument":
        found += generic.tagging(asked, "ssm:AddTagsToResource", resource)
    return found


def _session(asked: Asked) -> list[Need]:
    """To start a session takes the action on the node and on the document that is named (Systems Manager guide, "Start
    a session with a document by specifying the session documents in IAM policies").

    Raises NotModelled where none is: whether the default one is looked at depends on the policies' own conditions.
    """
    given = asked.parameters
    if not given.get("DocumentName") or not str(given["Target"]).startswith("i-"):
        raise NotModelled("ssm:StartSession")
    values: dict[str, Values] = {"ssm:SessionDocumentAccessCheck": "true"}
    resources = (asked.arn("ec2", f"instance/{given['Target']}"), asked.arn("ssm", f"document/{given['DocumentName']}"))
    return [Need("ssm:StartSession", resource, values) for resource in resources]


def _is_secret(asked: Asked, state: State) -> bool:
    kind = asked.parameters.get("Type")
    # An overwrite need not repeat the type.
    return kind == "SecureString" or (not kind and bool(state.parameter_keys(asked.region, asked.parameters["Name"])))


def _new_key(asked: Asked, state: State, name: str) -> str | None:
    """The key of a value that is written; an overwrite without a key goes back to AWS's own key."""
    key_id = asked.parameters.get("KeyId")
    return state.kms_key(asked.region, key_id) if key_id else None


def _with_key(asked: Asked, action: str, keys: Mapping[str, str | None]) -> list[Need]:
    found: list[Need] = []
    for name, key in keys.items():
        found += behalf("ssm", action, key, {"PARAMETER_ARN": _arn(asked, name)})
    return found


def _values(asked: Asked) -> dict[str, Values]:
    given = {"ssm:Overwrite": asked.parameters.get("Overwrite"), "ssm:Recursive": asked.parameters.get("Recursive")}
    return {key: str(value).lower() for key, value in given.items() if value is not None}


def _plain(name: str) -> str:
    """A parameter's name without ARN, version and label."""
    if name.startswith("arn:"):
        name = "/" + name.split(":", 5)[5].removeprefix("parameter").lstrip("/")
    return name.partition(":")[0]


def _arn(asked: Asked, name: str) -> str:
    return asked.arn("ssm", f"parameter/{name.lstrip('/')}")
