"""The command line behind the targets of make for a real account, such as `make package`, `deploy` and `status`."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from deployment import (
    aws,
    clusters,
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
    sources,
    templates,
)
from deployment.arguments import parser
from deployment.aws import Account
from deployment.catalog import command as catalog
from deployment.catalog.stack import CatalogOrder, Release
from deployment.change_sets import Order
from deployment.costs import command as costs
from deployment.images import command as images
from deployment.images import latest
from deployment.images.stack import ImageOrder
from deployment.next_steps import Typed
from deployment.package import Target
from deployment.refusal import Refusal, StoppedFollowing
from deployment.status import command as status

DONE = 0
FAILED = 1
BAD_INPUT = 2
DIFFERS = 3

# What is true of a command that Ctrl-C ends before, or without, an operation that goes on.
_STOPPED = {
    "package": "nothing was packaged; what was uploaded stays in the bucket",
    "purge": "nothing was removed but what a line above says",
    "kubeconfig": "no file was written",
    "image": "no build was started",
    "catalog": "no stack was changed; what was uploaded stays in the bucket",
    "publish": "no version was published; what was uploaded stays in the bucket",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; every expected error is one line on standard error."""
    options = parser().parse_args(arguments)
    try:
        if getattr(options, "stack", None):
            clusters.refuse_wrong_name(options.stack)
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


def _typed(options: argparse.Namespace, account: Account | None) -> Typed:
    """What was typed, for next steps; without an account no region."""

    def typed(name: str) -> str:
        return str(getattr(options, name, None) or "")

    variables = dict(pair.partition("=")[::2] for pair in options.typed)
    return Typed(
        stack=typed("stack"),
        region=(account.region if account else None) or "",
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
        version=typed("release"),
    )


def _order(options: argparse.Namespace, account: Account) -> Order:
    template = options.template or templates.packaged_file(options.out)
    typed = _typed(options, account)
    if options.template is None:
        sources.refuse_outdated(options.out, template, typed)
    given, chosen = _given(options, account, template)
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
        role=service_role.read(options.role),
    )
    return DONE if images.build(account, order, as_json=options.json) else FAILED


def _image_follow(options: argparse.Namespace) -> int:
    account = _account(options)
    done = images.follow(account, options.stack, _typed(options, account), as_json=options.json)
    return DONE if done else FAILED


def _image_id(options: argparse.Namespace) -> int:
    images.tell_newest(_account(options), options.stack, as_json=options.json)
    return DONE


def _costs(options: argparse.Namespace) -> int:
    given = parameters.read(options.parameters, options.set)
    costs.run(options.template, given, options.prices, _typed(options, None), as_json=options.json)
    return DONE


def _catalog(options: argparse.Namespace) -> int:
    account = _account(options)
    order = CatalogOrder(
        stack=options.stack,
        template=options.out / "catalog.json",
        given=parameters.read(options.parameters, options.set),
        role=service_role.read(options.role),
        release=_release(options, account),
        typed=_typed(options, account),
    )
    return DONE if catalog.deploy(account, order, as_json=options.json) else FAILED


def _publish(options: argparse.Namespace) -> int:
    account = _account(options)
    release, typed = _release(options, account), _typed(options, account)
    catalog.publish(account, options.stack, release, typed, as_json=options.json)
    return DONE


def _release(options: argparse.Namespace, account: Account) -> Release:
    target = Target(options.bucket, options.prefix or None, options.kms_key or None, account.region)
    return Release(options.release, options.template or options.out / "root.json", options.code, target)


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
    done = delete.run(
        account,
        options.stack,
        confirmed=options.yes,
        ask=_ask,
        resources=told,
        region=str(account.region),
        role=role,
        purge=not options.no_purge,
    )
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
    typed = _typed(options, account)
    aim, found = preflight.findings(account, options.template, given, str(account.region), options.stack, typed)
    preflight.tell(aim, found, as_json=options.json)
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
    "costs": _costs,
    "image": _image,
    "image-follow": _image_follow,
    "image-id": _image_id,
    "catalog": _catalog,
    "publish": _publish,
}
