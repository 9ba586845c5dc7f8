"""Parameter Store: what plain moto gets wrong, and what IAM has to know of parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.resource_facts import PARAMETERS, EncryptionKey
from rehearsal.aws.services.patching import around, given

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws

STANDARD_VALUE_BYTES = 4096
"""https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"""


def start(aws: LocalAws) -> None:
    """Tell IAM of the parameters of this local AWS."""
    aws.facts.register(PARAMETERS, Parameters(aws))


class Parameters:
    """moto's parameters as IAM asks about them."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws

    def keys(self, region: str, name: str, *, below: bool) -> Mapping[str, EncryptionKey]:
        """What SecureStrings are encrypted with, by parameter name: the one with this name, or also all below it."""
        from moto.ssm.models import ssm_backends

        start = name.rstrip("/") + "/"
        with self._aws.lock:
            # A parameter is the list of its versions. Asking for one by name would make moto load AWS's own.
            latest = {
                each: versions[-1]
                for each, versions in ssm_backends[self._aws.account_id][region]._parameters.items()
                if versions and (each.lstrip("/") == name.lstrip("/") or (below and each.startswith(start)))
            }
        return {
            each: EncryptionKey(region, str(parameter.keyid))
            for each, parameter in latest.items()
            if parameter.parameter_type == "SecureString"
        }


@correction("ssm", "PutParameter changes a parameter's type when it overwrites, as from String to SecureString")
def a_parameter_keeps_its_type() -> None:
    from moto.ssm.exceptions import SSMException
    from moto.ssm.models import SimpleSystemManagerBackend

    @around(SimpleSystemManagerBackend, "put_parameter")
    def put_parameter(plain: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        values = given(plain, self, *args, **kwargs)
        versions = self._parameters[values["name"]]
        wanted = values["parameter_type"]
        if versions and values["overwrite"] and wanted and wanted != versions[-1].parameter_type:
            raise SSMException(
                "HierarchyTypeMismatchException",
                f"Parameter {values['name']} is of type {versions[-1].parameter_type} and cannot become {wanted}",
            )
        return plain(self, *args, **kwargs)


@correction("ssm", "PutParameter checks neither a value's AllowedPattern nor the size limit of the standard tier")
def a_parameter_respects_pattern_and_size() -> None:
    from moto.ssm.exceptions import SSMException, ValidationException
    from moto.ssm.models import SimpleSystemManagerBackend

    @around(SimpleSystemManagerBackend, "put_parameter")
    def put_parameter(plain: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        values = given(plain, self, *args, **kwargs)
        value, pattern = values["value"], values.get("allowed_pattern")
        if value and pattern and not re.search(pattern, value):
            message = f"Parameter value, cannot be validated against allowedPattern: {pattern}"
            raise SSMException("ParameterPatternMismatchException", message)
        if values.get("tier") in (None, "Standard") and len((value or "").encode()) > STANDARD_VALUE_BYTES:
            raise ValidationException(
                f"Standard tier parameters support a maximum parameter value of {STANDARD_VALUE_BYTES} characters. "
                "To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier."
            )
        return plain(self, *args, **kwargs)
