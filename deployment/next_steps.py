"""Command lines for a person to type next: complete, so that none of them acts on another cluster than this one."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from deployment.stacks import Stack

# What a person has to put in: words that a shell hands on as they are, and that no service takes for a name.
_STACK_PLACEHOLDER = "NAME_OF_STACK"
_BUCKET_PLACEHOLDER = "NAME_OF_BUCKET"
_CONFIG_PLACEHOLDER = "CONFIGURATION.yaml"
PARAMETERS_PLACEHOLDER = "PARAMETERS.json"
FOLDER_PLACEHOLDER = "ITS_FOLDER"
# The variables that each target takes of what was typed, in the order in which they are printed.
_TAKES = {
    "templates": ("CONFIG", "OUT"),
    "package": ("BUCKET", "PREFIX", "KMS_KEY", "CONFIG", "OUT", "REGION"),
    "deploy": ("STACK", "PARAMS", "SET", "TAGS", "BUCKET", "CONFIG", "OUT", "ROLE", "REGION"),
    "preflight": ("STACK", "PARAMS", "SET", "CONFIG", "OUT", "REGION"),
    "diff": ("STACK", "PARAMS", "SET", "TAGS", "BUCKET", "CONFIG", "OUT", "ROLE", "REGION"),
    "status": ("STACK", "REGION"),
    "follow": ("STACK", "REGION"),
    "rollback": ("STACK", "ROLE", "REGION"),
    "delete": ("STACK", "ROLE", "REGION"),
    "kubeconfig": ("STACK", "REGION"),
    "purge": ("CLUSTER", "REGION"),
    "image": ("STACK", "PARAMS", "SET", "BUCKET", "CONFIG", "OUT", "ROLE", "REGION"),
    "image-follow": ("STACK", "REGION"),
    "catalog": ("STACK", "VERSION", "PARAMS", "SET", "BUCKET", "PREFIX", "KMS_KEY", "CONFIG", "OUT", "ROLE", "REGION"),
    "publish": ("STACK", "VERSION", "BUCKET", "PREFIX", "KMS_KEY", "CONFIG", "OUT", "REGION"),
}
_NEEDED = {"STACK": _STACK_PLACEHOLDER, "BUCKET": _BUCKET_PLACEHOLDER}
_DEFAULT_OUT = "templates"


@dataclass(frozen=True)
class Typed:
    """What was typed, or is known of the stack, as a next step has to repeat it; empty for what was not."""

    stack: str = ""
    region: str = ""
    config: str = ""
    """The configuration, whose default folder of templates is meant where `out` is empty."""
    out: str = ""
    parameters: str = ""
    settings: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    bucket: str = ""
    prefix: str = ""
    kms_key: str = ""
    role: str = ""
    version: str = ""
    """Of the product in the catalog."""

    def make(self, target: str, **more: str) -> str:
        """`make target` with everything of this that the target takes, and `more` variables.

        What a target needs and nobody has typed is a placeholder that nothing takes for a value.
        """
        known = {
            "STACK": self.stack,
            "PARAMS": self.parameters,
            "SET": " ".join(self.settings),
            "TAGS": " ".join(self.tags),
            "BUCKET": self.bucket,
            "PREFIX": self.prefix,
            "KMS_KEY": self.kms_key,
            "CONFIG": self.config,
            "ROLE": self.role,
            "VERSION": self.version,
            "OUT": "" if self.out == _DEFAULT_OUT else self.out,
            "REGION": self.region,
        } | more
        words = ["make", target]
        for name in dict.fromkeys([*_TAKES[target], *more]):
            if known[name]:
                words.append(f"{name}={shlex.quote(known[name])}")
            elif name in _NEEDED and (name == "STACK" or target == "package"):
                words.append(f"{name}={_NEEDED[name]}")
        return " ".join(words)


def of(stack: Stack) -> Typed:
    """What is known of a stack that is there. What it was made of only the person knows who deploys it."""
    return Typed(stack=stack.name, region=stack.region, config=_CONFIG_PLACEHOLDER)


def purge(cluster: str, region: str) -> str:
    """What removes what was kept of a deleted cluster, by its name or uuid."""
    return Typed(region=region).make("purge", CLUSTER=cluster)


def cli(stack: Stack, verb: str, options: str = "") -> str:
    """A command of the AWS CLI about the stack."""
    named = f"aws cloudformation {verb} --region {stack.region} --stack-name {stack.name}"
    return f"{named} {options}" if options else named
