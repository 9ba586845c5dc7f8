"""Lambda: what plain moto gets wrong, and the invoker that runs the functions."""

from __future__ import annotations

import base64
import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.services.lambda_credentials import Credentials
from rehearsal.aws.services.lambda_invoker import Invoker, Throttled
from rehearsal.aws.services.patching import around

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws

LOG_TAIL_BYTES = 4096
"""How much log an invocation with LogType Tail returns (API reference of Invoke)."""
KEPT_SETTINGS = {
    "DeadLetterConfig": "dead_letter_config",
    "KMSKeyArn": "kms_key_arn",
    "LoggingConfig": "logging_config",
    "TracingConfig": "tracing_config",
}
"""Settings that moto drops at creation, at an update, or both, and the attribute that keeps each."""

_invoker: Invoker | None = None


def start(aws: LocalAws) -> None:
    """Let Invoke requests run functions in this local AWS."""
    global _invoker
    credentials = Credentials(aws.sessions, aws.clock)
    find = partial(find_function, aws)
    _invoker = Invoker(aws.clock, aws.endpoint, aws.client, find, credentials, aws.log_dir)
    aws.on_stop(_invoker.close)


def current() -> Invoker:
    """The running local AWS's invoker."""
    if _invoker is None:
        raise RuntimeError("no local AWS is running: functions cannot be invoked")
    return _invoker


def find_function(aws: LocalAws, arn: str) -> Any | None:
    """moto's function for an ARN, or None when there is none."""
    from moto.awslambda.exceptions import UnknownFunctionException
    from moto.awslambda.models import lambda_backends

    _, _, _, region, account, _, name = arn.split(":")[:7]
    try:
        with aws.lock:
            return lambda_backends[account][region].get_function(name)
    except UnknownFunctionException:
        return None


@correction("lambda", "Invoke starts a Docker container; here the function's zip runs in a process of its own")
def functions_run_without_docker() -> None:
    from moto.awslambda.models import LambdaFunction
    from moto.core.exceptions import JsonRESTError

    @around(LambdaFunction, "invoke")
    def invoke(_: Any, self: Any, body: str | bytes, request_headers: Any, response_headers: Any) -> str | bytes:
        event = json.loads(body) if body else {}
        kind = request_headers.get("x-amz-invocation-type", "RequestResponse")
        if kind == "DryRun":
            return ""
        if kind == "Event":
            current().accept(self.function_arn, event)
            return ""
        try:
            outcome, log = current().run(self, event)
        except Throttled as error:
            refusal = JsonRESTError("TooManyRequestsException", "Rate Exceeded.")
            refusal.code = 429
            raise refusal from error
        response_headers["x-amz-executed-version"] = str(self.version)
        response_headers["x-amz-log-result"] = base64.b64encode("\n".join(log).encode()[-LOG_TAIL_BYTES:]).decode()
        if outcome.failed:
            response_headers["x-amz-function-error"] = "Unhandled"
        return outcome.payload


@correction("lambda", "CreateFunction and UpdateFunctionConfiguration drop LoggingConfig, DeadLetterConfig and others")
def function_settings_are_kept() -> None:
    from moto.awslambda.models import LambdaFunction

    @around(LambdaFunction, "__init__")
    def init(plain: Any, self: Any, account_id: str, spec: dict[str, Any], *rest: Any, **named: Any) -> None:
        plain(self, account_id, spec, *rest, **named)
        _keep(self, spec)

    @around(LambdaFunction, "update_configuration")
    def update_configuration(plain: Any, self: Any, config_updates: dict[str, Any]) -> Any:
        # A cleared environment comes as {}; moto expects the key Variables.
        if "Environment" in config_updates:
            variables = (config_updates["Environment"] or {}).get("Variables") or {}
            config_updates = {**config_updates, "Environment": {"Variables": variables}}
        _keep(self, config_updates)
        return plain(self, config_updates)

    @around(LambdaFunction, "update_function_code")
    def update_function_code(plain: Any, self: Any, updated_spec: dict[str, Any]) -> Any:
        if updated_spec.get("Architectures"):
            self.architectures = updated_spec["Architectures"]
        return plain(self, updated_spec)

    @around(LambdaFunction, "get_configuration")
    def get_configuration(plain: Any, self: Any, on_create: bool = False) -> Any:
        configuration = plain(self, on_create)
        kept = {name: getattr(self, attribute, None) for name, attribute in KEPT_SETTINGS.items()}
        return configuration | {name: value for name, value in kept.items() if value}


@correction("lambda", "PutFunctionEventInvokeConfig adds a second configuration and the first stays in force")
def the_last_event_invoke_config_is_in_force() -> None:
    from moto.awslambda.models import LambdaBackend

    @around(LambdaBackend, "put_function_event_invoke_config")
    def put(plain: Any, self: Any, function_name: str, config: dict[str, Any]) -> Any:
        self.get_function(function_name).event_invoke_config.clear()
        return plain(self, function_name, config)


@correction("lambda", "PutFunctionEventInvokeConfig refuses destinations in the Sovereign Cloud and in iso regions")
def a_destination_may_be_in_any_region() -> None:
    from moto.awslambda.models import EventInvokeConfig
    from moto.core.utils import get_service_model

    destination = re.compile(get_service_model("lambda").shape_for("DestinationArn").metadata["pattern"])

    @around(EventInvokeConfig, "validate")
    def validate(plain: Any, self: Any) -> None:
        found = self.config.get("DestinationConfig", {}).values()
        if not all(destination.match(each.get("Destination", "")) for each in found):
            plain(self)


@correction("lambda", "A function is connected to a VPC of dedicated tenancy")
def functions_are_connected_to_no_dedicated_vpc() -> None:
    """Lambda guide, "Giving Lambda functions access to resources in an Amazon VPC": "Lambda functions can't connect
    directly to a VPC with dedicated instance tenancy". The words of the refusal are a guess."""
    from moto.awslambda.exceptions import InvalidParameterValueException
    from moto.awslambda.models import LambdaFunction
    from moto.ec2.models import ec2_backends

    def check(account_id: str, region: str, wanted: Any) -> None:
        ec2 = ec2_backends[account_id][region]
        ids = set((wanted or {}).get("SubnetIds") or ())
        vpcs = {subnet.vpc_id for zone in ec2.subnets.values() for name, subnet in zone.items() if name in ids}
        if any(ec2.vpcs[vpc].instance_tenancy == "dedicated" for vpc in vpcs):
            raise InvalidParameterValueException("Subnets of a VPC with dedicated instance tenancy are not supported.")

    @around(LambdaFunction, "__init__")
    def init(
        plain: Any, self: Any, account_id: str, spec: dict[str, Any], region: str, *rest: Any, **named: Any
    ) -> None:
        check(account_id, region, spec.get("VpcConfig"))
        plain(self, account_id, spec, region, *rest, **named)

    @around(LambdaFunction, "update_configuration")
    def update_configuration(plain: Any, self: Any, config_updates: dict[str, Any]) -> Any:
        check(self.account_id, self.region, config_updates.get("VpcConfig"))
        return plain(self, config_updates)


@correction("lambda", "S3ObjectVersion is ignored: a function runs the newest object of its key")
def code_is_of_the_version_that_is_named() -> None:
    from moto.awslambda import models
    from moto.awslambda.exceptions import InvalidParameterValueException
    from moto.s3.models import s3_backends

    @around(models.LambdaFunction, "_set_function_code")
    def set_code(plain: Any, self: Any, updated_spec: dict[str, Any]) -> None:
        plain(self, updated_spec)
        version = updated_spec.get("S3ObjectVersion")
        if version and not updated_spec.get("DryRun"):
            # https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html
            key = s3_backends[self.account_id][self.partition].get_object(
                updated_spec["S3Bucket"], updated_spec["S3Key"], version_id=version
            )
            if key is None:
                raise InvalidParameterValueException(
                    "Error occurred while GetObject. S3 Error Code: NoSuchVersion. S3 Error Message: The specified "
                    "version does not exist."
                )
            self.code_bytes, self.code_size, self.code_sha_256, self.code_digest = models._s3_content(key)


def _keep(function: Any, given: dict[str, Any]) -> None:
    for name, attribute in KEPT_SETTINGS.items():
        if name in given:
            setattr(function, attribute, given[name])
