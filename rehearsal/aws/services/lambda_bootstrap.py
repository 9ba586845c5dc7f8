"""The Lambda runtime inside a function's process: imports the handler once, then answers requests line by line.

Run as a script with the unpacked function as working directory; it uses nothing but the standard library, so that the
function finds only what it brings and what the interpreter has. Requests come on standard input, one JSON object a
line. Answers go to the descriptor in HOLDFAST_LAMBDA_ANSWERS: one when the handler is loaded, then one for each
request, whose mark ends its log output.
"""

import importlib
import json
import os
import sys
import time
import traceback
from typing import Any


class Context:
    """What the handler gets as its second argument."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.aws_request_id: str = request["request_id"]
        self.invoked_function_arn: str = request["function_arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.client_context = None
        self.identity = None
        self._deadline = time.monotonic() + request["timeout_seconds"]

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def failure(error: BaseException) -> dict[str, Any]:
    """An exception in the shape in which Lambda returns it; it is printed for the log, too."""
    traceback.print_exc()
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "stackTrace": traceback.format_tb(error.__traceback__),
    }


def load(handler: str) -> Any:
    module_name, _, function_name = handler.rpartition(".")
    return getattr(importlib.import_module(module_name.replace("/", ".")), function_name)


def answer(request: dict[str, Any], handler: Any, broken: dict[str, Any] | None) -> dict[str, Any]:
    """Call the handler once."""
    if broken is not None:
        return {"failed": True, "payload": broken}
    try:
        return {"failed": False, "payload": json.loads(json.dumps(handler(request["event"], Context(request))))}
    except BaseException as error:
        # SystemExit, too, is an error of the function in Lambda; only the end of the input ends this process.
        return {
            "failed": True,
            "payload": failure(error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)),
        }


def main() -> None:
    answers = os.fdopen(int(os.environ.pop("HOLDFAST_LAMBDA_ANSWERS")), "w")
    requests = os.fdopen(os.dup(0), "r")
    # The function must not read our requests.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.path[0] = os.getcwd()
    started = time.monotonic()
    handler, broken = None, None
    try:
        handler = load(os.environ["_HANDLER"])
    except BaseException as error:
        broken = failure(error)
    answers.write(json.dumps({"init_seconds": time.monotonic() - started}) + "\n")
    answers.flush()
    for line in requests:
        request = json.loads(line)
        begun = time.monotonic()
        reply = answer(request, handler, broken)
        reply["seconds"] = time.monotonic() - begun
        sys.stdout.flush()
        os.write(1, f"\n{request['mark']}\n".encode())
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
