"""The command line behind the targets of make for a real account, such as `make package`, `deploy` and `status`."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from coordination.release import Print
from deployment import (
    aws,
    delete,
    deploy,
    follow,
    kubeconfig,
    package,
    parameters,
    place,
    preflight,
    purge,
    rollback,
    service_role,
    templates,
)
from deployment.aws import Account
from deployment.change_sets import Order
from deployment.images import command as images
from deployment.images import latest
from deployment.images.stack import ImageOrder
from deployment.next_steps import Typed
from deployment.package import Target
from deployment.refusal import Refusal, StoppedFollowing
from deployment.status import command as status
from deployment.status.command import EXIT_CODES

DONE = 0
FAILED = 1
BAD_INPUT = 2
DIFFERS = 3

_OUT = Path("templates")
_IMAGE_STACK = "holdfast-image"
_EXIT_CODES = """exit codes:
  0  done
  1  AWS refused something, the operation failed, or Ctrl-C
  2  bad input, or refused before anything was changed"""
_IF_DIFFERENT = "  3  with --exit-code, where deploy would change anything"
# What is true of a command that Ctrl-C ends before, or without, an operation that goes on.
_STOPPED = {
    "package": "nothing was packaged; what was uploaded stays in the bucket",
    "purge": "nothing was removed but what a line above says",
    "kubeconfig": "no file was written",
    "image": "no build was started",
}


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
    except StoppedFollowing as stopped:
        return _complain(str(stopped), FAILED)
    except KeyboardInterrupt:
        return _complain(f"stopped; {_STOPPED.get(options.command, 'nothing was changed')}", FAILED)


def _complain(text: str, exit_code: int) -> int:
    print(text, file=sys.stderr)
    return exit_code


def _ask(question: str, confirmed_by: str = "YES=1") -> str:
    if not sys.stdin.isatty():
        raise Refusal(f"there is no terminal to ask on: add {confirmed_by}")
    try:
        return input(question)
    except EOFError as error:
        print()
        raise Refusal("no answer: nothing was done") from error


def _account(options: argparse.Namespace) -> Account:
    """The account of a command, told before anything else happens: on standard error, for results are for programs."""
    account = place.account(options.region)
    print(place.line(account), file=sys.stderr, flush=True)
    return account


def _package(options: argparse.Namespace) -> int:
    account = _account(options)
    # The AWS CLI is told the region: its own way to find one knows other variables than ours.
    target = Target(options.bucket, options.prefix, options.kms_key, account.region)
    template = options.template or options.out / "root.json"
    output = options.output or templates.packaged_file(template.parent)
    package.run(account, template, target, output, code=options.code, typed=_typed(options, account))
    return DONE


def _typed(options: argparse.Namespace, account: Account) -> Typed:
    """What was typed, for next steps."""

    def typed(name: str) -> str:
        return str(getattr(options, name, None) or "")

    variables = dict(pair.partition("=")[::2] for pair in options.typed)
    return Typed(
        stack=typed("stack"),
        region=account.region or "",
        config=variables.get("CONFIG", ""),
        # Where the configuration alone was typed, the folder follows from it.
        out=variables.get("OUT", "" if variables else typed("out")),
        parameters=typed("parameters"),
        settings=tuple(getattr(options, "set", ())),
        tags=tuple(getattr(options, "tag", ())),
        bucket=typed("bucket"),
        prefix=typed("prefix"),
        kms_key=typed("kms_key"),
        role=typed("role"),
    )


def _order(options: argparse.Namespace, account: Account) -> Order:
    template = options.template or templates.packaged_file(options.out)
    given, chosen = _given(options, account, template)
    typed = _typed(options, account)
    return Order(
        stack=options.stack,
        template=template,
        given=given,
        tags=parameters.tags(options.tag),
        bucket=options.bucket,
        role=service_role.read(options.role),
        # What is typed next deploys the same image, whatever is the newest then.
        typed=replace(typed, settings=(*typed.settings, *(f"{name}={value}" for name, value in chosen.items()))),
    )


def _given(options: argparse.Namespace, account: Account, template: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The values of all parameters, and those of them that IMAGE= has chosen."""
    given = parameters.read(options.parameters, options.set)
    if not options.image:
        return given, {}
    chosen = latest.chosen(account, options.image, options.image_stack, given, options.set, template, _aside)
    return given | chosen, chosen


def _aside(text: str) -> None:
    """For a person, beside results for programs."""
    print(text, file=sys.stderr, flush=True)


def _image(options: argparse.Namespace) -> int:
    account = _account(options)
    order = ImageOrder(
        stack=options.stack,
        template=options.template or options.out / "image.json",
        given=parameters.read(options.parameters, options.set),
        typed=_typed(options, account),
        bucket=options.bucket,
    )
    return DONE if images.build(account, order, as_json=options.json) else FAILED


def _image_follow(options: argparse.Namespace) -> int:
    account = _account(options)
    done = images.follow(account, options.stack, _typed(options, account), as_json=options.json)
    return DONE if done else FAILED


def _image_id(options: argparse.Namespace) -> int:
    images.tell_newest(_account(options), options.stack, as_json=options.json)
    return DONE


def _deploy(options: argparse.Namespace) -> int:
    account = _account(options)
    done = deploy.deploy(
        account,
        _order(options, account),
        rollback=options.rollback,
        security=options.security,
        confirmed=options.yes,
        ask=_ask,
    )
    return DONE if done else FAILED


def _rollback(options: argparse.Namespace) -> int:
    role = service_role.read(options.role)
    return DONE if rollback.run(_account(options), options.stack, role=role) else FAILED


def _diff(options: argparse.Namespace) -> int:
    account = _account(options)
    differs = deploy.diff(account, _order(options, account), as_json=options.json)
    return DIFFERS if differs and options.exit_code else DONE


def _delete(options: argparse.Namespace) -> int:
    role = service_role.read(options.role)
    account, told = _account(options), not options.stacks_only
    region = str(account.region)
    done = delete.run(account, options.stack, confirmed=options.yes, ask=_ask, resources=told, region=region, role=role)
    return DONE if done else FAILED


def _follow(options: argparse.Namespace) -> int:
    account, told = _account(options), not options.stacks_only
    return DONE if follow.run(account, options.stack, resources=told, operation=options.operation) else FAILED


def _status(options: argparse.Namespace) -> int:
    return status.run(_account(options), options.stack, as_json=options.json)


def _purge(options: argparse.Namespace) -> int:
    if not options.cluster:
        raise Refusal("which cluster? CLUSTER=<name of the deleted stack, or the cluster's uuid>")
    ask = functools.partial(_ask, confirmed_by="CONFIRM=<the cluster's uuid>")
    purge.run(_account(options), options.cluster, confirm=options.confirm, ask=ask)
    return DONE


def _kubeconfig(options: argparse.Namespace) -> int:
    wanted = kubeconfig.wanted(options.stack, options.group, options.hours, options.file, options.server)
    kubeconfig.run(_account(options), wanted)
    return DONE


def _preflight(options: argparse.Namespace) -> int:
    account = _account(options)
    given, _ = _given(options, account, options.template)
    remedy = _typed(options, account).make("templates")
    found = preflight.findings(account, options.template, given, str(account.region), options.stack, remedy)
    preflight.tell(found, as_json=options.json)
    return preflight.exit_code(found)


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "package": _package,
    "deploy": _deploy,
    "diff": _diff,
    "follow": _follow,
    "status": _status,
    "rollback": _rollback,
    "delete": _delete,
    "purge": _purge,
    "kubeconfig": _kubeconfig,
    "preflight": _preflight,
    "image": _image,
    "image-follow": _image_follow,
    "image-id": _image_id,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deployment",
        description="Acts on a real account, with the caller's credentials.",
        epilog=f"{_EXIT_CODES}\n  3  of diff and preflight: their help says it",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=Print, nargs=0, help="print version and commit, and end")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str, codes: str = _EXIT_CODES) -> argparse.ArgumentParser:
        wide = argparse.RawDescriptionHelpFormatter
        added = commands.add_parser(name, help=text, description=text, epilog=codes, formatter_class=wide)
        added.add_argument("--region", help="AWS region (default: that of the environment or the profile)")
        return added

    def takes_stack(added: argparse.ArgumentParser) -> None:
        added.add_argument("--stack", default="holdfast", help="name of the root stack (default: %(default)s)")

    def takes_out(added: argparse.ArgumentParser) -> None:
        added.add_argument(
            "--out", type=Path, default=_OUT, metavar="FOLDER", help="of the templates (default: %(default)s)"
        )
        takes_typed(added)

    def takes_typed(added: argparse.ArgumentParser) -> None:
        added.add_argument(
            "--typed",
            action="append",
            default=[],
            metavar="NAME=value",
            help="a variable of make as it was typed (CONFIG, OUT), for printed next steps (default: none)",
        )

    def takes_parameters(added: argparse.ArgumentParser) -> None:
        added.add_argument(
            "--parameters", type=Path, metavar="FILE", help="JSON of parameters, as in the README (default: none)"
        )
        added.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="Key=Value",
            help="a parameter; overrides the file (default: none)",
        )

    def takes_image(added: argparse.ArgumentParser) -> None:
        text = "of all nodes, but for what --set names: latest, or an AMI's id (default: that of the parameters)"
        added.add_argument("--image", default="", help=text)
        added.add_argument(
            "--image-stack", default=_IMAGE_STACK, help="whose image the latest is (default: %(default)s)"
        )

    added = command("package", "upload templates and code, write the template that refers to the uploads")
    takes_out(added)
    added.add_argument("--template", type=Path, help="the root template (default: root.json in the folder of --out)")
    added.add_argument(
        "--code", type=Path, metavar="FOLDER", help="of the functions' code (default: where the templates refer to)"
    )
    added.add_argument("--bucket", required=True, help="where uploads go")
    added.add_argument("--prefix", help="what the keys of uploads begin with (default: nothing)")
    added.add_argument("--kms-key", help="encrypts uploads (default: the bucket's own encryption)")
    added.add_argument("--output", type=Path, help="what is written (default: build/packaged/<folder of --out>.json)")
    added.add_argument("--stack", help="refuse templates of another cluster than this stack (default: not compared)")

    def takes_role(added: argparse.ArgumentParser) -> None:
        added.add_argument(
            "--role",
            metavar="ARN",
            help="by which CloudFormation acts, and keeps acting (default: the stack's, or your own rights)",
        )

    for name, text in (("deploy", "create or update the stack"), ("diff", "print what deploy would change")):
        added = command(name, text, _EXIT_CODES if name == "deploy" else f"{_EXIT_CODES}\n{_IF_DIFFERENT}")
        takes_stack(added)
        takes_out(added)
        added.add_argument("--template", type=Path, help="what was packaged (default: of the folder of --out)")
        added.add_argument(
            "--bucket", help="for a root template beyond 51,200 bytes (default: none, and it is refused)"
        )
        added.add_argument(
            "--tag", action="append", default=[], metavar="Key=Value", help="a tag of the stack (default: none)"
        )
        takes_parameters(added)
        takes_image(added)
        takes_role(added)
        if name == "deploy":
            added.add_argument(
                "--rollback", action="store_true", help="allow replacements; roll back where the update fails"
            )
            added.add_argument("--security", action="store_true", help="let policies and security groups be opened")
            added.add_argument("--yes", action="store_true", help="do not ask where nodes go")
        else:
            added.add_argument("--json", action="store_true", help="as one JSON object, values in full length")
            added.add_argument("--exit-code", action="store_true", help="3 where anything would change, 0 for nothing")

    added = command(
        "follow",
        "tell what happens in the stack and in its cluster: until the end of the operation that is under way, "
        "otherwise until Ctrl-C",
    )
    takes_stack(added)
    added.add_argument(
        "--operation", action="store_true", help="the operation that was started last alone, also where it has ended"
    )
    added.add_argument("--stacks-only", action="store_true", help="leave out resources that do not fail")

    added = command("status", "print the state of the cluster, and who has to act", EXIT_CODES)
    takes_stack(added)
    added.add_argument("--json", action="store_true", help="for programs")

    added = command("rollback", "take a stack whose update has failed back, and follow that to its end")
    takes_stack(added)
    takes_role(added)

    added = command("delete", "delete the stack, and print what is retained")
    takes_stack(added)
    takes_role(added)
    added.add_argument("--yes", action="store_true", help="do not ask")
    added.add_argument("--stacks-only", action="store_true", help="leave out resources that do not fail")

    added = command("purge", "remove for good what a delete kept")
    added.add_argument("cluster", metavar="CLUSTER", help="name of the deleted stack, or the cluster's uuid")
    added.add_argument("--confirm", metavar="UUID", help="do not ask (default: a question)")

    added = command("kubeconfig", "get a certificate for kubectl from the cluster, in the caller's name")
    takes_stack(added)
    added.add_argument("--group", default="view", help="view, edit or admin (default: %(default)s)")
    added.add_argument("--hours", default="8", help="how long it is valid: 1 to 24 (default: %(default)s)")
    added.add_argument("--file", type=Path, help="where to write it (default: build/<stack>.kubeconfig)")
    added.add_argument(
        "--server", default="", metavar="URL", help="where the API is reached (default: by its own name)"
    )

    added = command("preflight", "check that the account has what the cluster needs", preflight.EXIT_CODES)
    added.add_argument(
        "--stack", default="holdfast", help="whose values an update keeps, where it exists (default: %(default)s)"
    )
    root = Path("templates/root.json")
    added.add_argument("--template", type=Path, default=root, help="the root template (default: %(default)s)")
    added.add_argument("--json", action="store_true", help="for programs")
    takes_typed(added)
    takes_parameters(added)
    takes_image(added)

    for name, text, codes in (
        ("image", "deploy the image stack, build an image and follow it", images.EXIT_CODES),
        ("image-follow", "follow the build that was started last", images.EXIT_CODES),
        ("image-id", "print the id of the newest image", _EXIT_CODES),
    ):
        added = command(name, text, codes)
        added.add_argument("--stack", default=_IMAGE_STACK, help="the stack that builds images (default: %(default)s)")
        added.add_argument("--json", action="store_true", help="for programs: one JSON object a line")
        if name == "image":
            takes_out(added)
            added.add_argument("--template", type=Path, help="(default: image.json in the folder of --out)")
            added.add_argument("--bucket", help="for a template beyond 51,200 bytes (default: none, and it is refused)")
            takes_parameters(added)
        else:
            takes_typed(added)
    return parser
