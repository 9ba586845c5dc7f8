"""CloudFormation's errors."""

from __future__ import annotations

from rehearsal.aws.protocol import ServiceError


class ValidationError(ServiceError):
    """What CloudFormation answers to nearly everything that it refuses."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationError", message, 400)


class TemplateError(ValidationError):
    """A template that cannot be used, or a value in it that cannot be resolved."""


class InsufficientCapabilities(ServiceError):
    """The template makes IAM resources and the caller did not acknowledge it."""

    def __init__(self, message: str) -> None:
        super().__init__("InsufficientCapabilitiesException", message, 400)
