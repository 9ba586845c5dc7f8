"""The command line behind the targets of make for a real account, such as `make package`, `deploy` and `status`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from deployment import aws, delete, deploy, follow, kubeconfig, package, parameters, place, preflight, purge
from deployment.aws import Account
from deployment.deploy import Order
from deployment.package import Target
from deployment.refusal import Refusal
from deployment.status import command as status
from deployment.status.command import EXIT_CODES

DONE = 0
FAILED = 1
BAD_INPUT = 2

_PACKAGED = Path("build/packaged.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; every expected error is one line on standard error."""
    options = _parser().parse_args(arguments)
    try:
        return _COMMANDS[options.command](options)
    except Refusal as refusal:
        return _complain(str(refusal), BAD_INPUT)
    except ClientError as error:
        return _complain(f"AWS refused {error.operation_name}: {aws.code(error)}: {aws.message(error)}", FAILED)
    except (BotoCoreError, WaiterError) as error:
        return _complain(str(error), FAILED)
    except KeyboardInterrupt:
        return _complain("stopped watching; what was started in AWS goes on there", FAILED)


def _complain(text: str, exit_code: int) -> int:
    print(text, file=sys.stderr)
    return exit_code


def _ask(question: str) -> str:
    if not sys.stdin.isatty():
        raise Refusal("there is no terminal to ask on: confirm on the command line (YES=1, CONFIRM=<uuid>)")
    return input(question)


def _account(options: argparse.Namespace) -> Account:
    """The account of a command, told before anything else happens: on standard error, for results are for programs."""
    account = place.account(options.region)
    print(place.line(account), file=sys.stderr, flush=True)
    return account


def _package(options: argparse.Namespace) -> int:
    account = _account(options)
    # The AWS CLI is told the region: its own way to find one knows other variables than ours.
    target = Target(options.bucket, options.prefix, options.kms_key, account.region)
    package.run(account, options.template, target, options.output)
    return DONE


def _order(options: argparse.Namespace) -> Order:
    return Order(
        stack=options.stack,
        template=options.template,
        given=parameters.read(options.parameters, options.set),
        tags=parameters.tags(options.tag),
        bucket=options.bucket,
    )


def _deploy(options: argparse.Namespace) -> int:
    done = deploy.deploy(_account(options), _order(options), rollback=options.rollback, security=options.security)
    return DONE if done else FAILED


def _diff(options: argparse.Namespace) -> int:
    deploy.diff(_account(options), _order(options), as_json=options.json)
    return DONE


def _delete(options: argparse.Namespace) -> int:
    account, told = _account(options), not options.stacks_only
    return DONE if delete.run(account, options.stack, confirmed=options.yes, ask=_ask, resources=told) else FAILED


def _follow(options: argparse.Namespace) -> int:
    account, told = _account(options), not options.stacks_only
    return DONE if follow.run(account, options.stack, resources=told, operation=options.operation) else FAILED


def _status(options: argparse.Namespace) -> int:
    return status.run(_account(options), options.stack, as_json=options.json)


def _purge(options: argparse.Namespace) -> int:
    if not options.cluster:
        raise Refusal("which cluster? CLUSTER=<name of the deleted stack, or the cluster's uuid>")
    purge.run(_account(options), options.cluster, confirm=options.confirm, ask=_ask)
    return DONE


def _kubeconfig(options: argparse.Namespace) -> int:
    wanted = kubeconfig.wanted(options.stack, options.group, options.hours, options.file, options.server)
    kubeconfig.run(_account(options), wanted)
    return DONE


def _preflight(options: argparse.Namespace) -> int:
    account = _account(options)
    given = parameters.read(options.parameters, options.set)
    found = preflight.findings(account, options.template, given, str(account.region), options.stack)
    preflight.tell(found, as_json=options.json)
    return preflight.exit_code(found)


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "package": _package,
    "deploy": _deploy,
    "diff": _diff,
    "follow": _follow,
    "status": _status,
    "delete": _delete,
    "purge": _purge,
    "kubeconfig": _kubeconfig,
    "preflight": _preflight,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deployment", description="Acts on a real account, with the caller's credentials."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.add_argument("--region", help="instead of the environment's")
        return added

    def takes_parameters(added: argparse.ArgumentParser) -> None:
        added.add_argument("--parameters", type=Path, metavar="FILE", help="JSON, as in the README")
        added.add_argument("--set", action="append", default=[], metavar="Key=Value", help="overrides the file")

    added = command("package", "upload templates and code, write the template that refers to the uploads")
    added.add_argument("--template", type=Path, default=Path("templates/root.json"))
    added.add_argument("--bucket", required=True)
    added.add_argument("--prefix")
    added.add_argument("--kms-key")
    added.add_argument("--output", type=Path, default=_PACKAGED)

    for name, text in (("deploy", "create or update the stack"), ("diff", "print what deploy would change")):
        added = command(name, text)
        added.add_argument("--stack", default="holdfast")
        added.add_argument("--template", type=Path, default=_PACKAGED)
        added.add_argument("--bucket", help="for a root template beyond 51,200 bytes")
        added.add_argument("--tag", action="append", default=[], metavar="Key=Value", help="a tag of the stack")
        takes_parameters(added)
        if name == "deploy":
            added.add_argument("--rollback", action="store_true", help="replace and, on failure, go back")
            added.add_argument("--security", action="store_true", help="let policies and security groups be opened")
        else:
            added.add_argument("--json", action="store_true")

    added = command(
        "follow",
        "tell what happens in the stack and in its cluster: until the end of the operation that is under way, "
        "otherwise until Ctrl-C",
    )
    added.add_argument("--stack", default="holdfast")
    added.add_argument(
        "--operation", action="store_true", help="the operation that was started last alone, also where it has ended"
    )
    added.add_argument("--stacks-only", action="store_true", help="leave out resources that do not fail")

    added = command("status", f"tell the state of the cluster; {EXIT_CODES}")
    added.add_argument("--stack", default="holdfast")
    added.add_argument("--json", action="store_true")

    added = command("delete", "delete the stack, and print what stays")
    added.add_argument("--stack", default="holdfast")
    added.add_argument("--yes", action="store_true", help="do not ask")
    added.add_argument("--stacks-only", action="store_true", help="leave out resources that do not fail")

    added = command("purge", "remove for good what a delete kept")
    added.add_argument("cluster", metavar="CLUSTER", help="name of the deleted stack, or the cluster's uuid")
    added.add_argument("--confirm", metavar="UUID", help="do not ask")

    added = command("kubeconfig", "get a certificate for kubectl from the cluster, in the caller's name")
    added.add_argument("--stack", default="holdfast")
    added.add_argument("--group", default="view", help="view (default), edit or admin")
    added.add_argument("--hours", default="8", help="how long it is good: 1 to 24, 8 by default")
    added.add_argument("--file", type=Path, help="where to write it; build/<stack>.kubeconfig by default")
    added.add_argument("--server", default="", metavar="URL", help="where the API is reached, if not by its own name")

    added = command("preflight", f"check that the account has what the cluster needs; {preflight.EXIT_CODES}")
    added.add_argument("--stack", default="holdfast", help="whose values an update keeps, where it exists")
    added.add_argument("--template", type=Path, default=Path("templates/root.json"))
    added.add_argument("--json", action="store_true")
    takes_parameters(added)
    return parser
