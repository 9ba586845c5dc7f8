"""What `python -m deployment` takes: its commands and their options."""

from __future__ import annotations

import argparse
from pathlib import Path

from coordination.release import Print
from deployment import preflight
from deployment.costs import command as costs
from deployment.costs.prices import FILE
from deployment.images import command as images
from deployment.status.command import EXIT_CODES

_OUT = Path("templates")
_IMAGE_STACK = "holdfast-image"
_CATALOG_STACK = "holdfast-catalog"
_EXIT_CODES = """exit codes:
  0  done
  1  AWS refused something, the operation failed, or Ctrl-C
  2  bad input, or refused before anything was changed"""
_IF_DIFFERENT = "  3  with --exit-code, where deploy would change anything"


def parser() -> argparse.ArgumentParser:
    """Of every command and its options."""
    made = argparse.ArgumentParser(
        prog="python -m deployment",
        description="Acts on a real account, with the caller's credentials; costs alone calls nobody.",
        epilog=f"{_EXIT_CODES}\n  3  of diff and preflight: their help says it",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--version", action=Print, nargs=0, help="print version and commit, and end")
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")

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

    def takes_uploads(added: argparse.ArgumentParser) -> None:
        added.add_argument("--bucket", required=True, help="where uploads go")
        added.add_argument("--prefix", help="what the keys of uploads begin with (default: nothing)")
        added.add_argument("--kms-key", help="encrypts uploads (default: the bucket's own encryption)")
        added.add_argument(
            "--code", type=Path, metavar="FOLDER", help="of the functions' code (default: where the templates refer to)"
        )

    added = command("package", "upload templates and code, write the template that refers to the uploads")
    takes_out(added)
    added.add_argument("--template", type=Path, help="the root template (default: root.json in the folder of --out)")
    takes_uploads(added)
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
            added.add_argument("--yes", action="store_true", help="do not ask where nodes or administrators go")
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
    added.add_argument("--no-purge", action="store_true", help="leave out the command that removes what is kept")

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

    wide = argparse.RawDescriptionHelpFormatter
    text = "print what a cluster of these templates costs a month, by list prices; AWS is not asked"
    added = commands.add_parser("costs", help=text, description=text, epilog=costs.EXIT_CODES, formatter_class=wide)
    added.add_argument("--template", type=Path, default=root, help="the root template (default: %(default)s)")
    added.add_argument("--prices", type=Path, metavar="FILE", help=f"in place of the default (default: {FILE})")
    added.add_argument("--json", action="store_true", help="for programs")
    takes_typed(added)
    takes_parameters(added)

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
            takes_role(added)
            added.add_argument("--template", type=Path, help="(default: image.json in the folder of --out)")
            added.add_argument("--bucket", help="for a template beyond 51,200 bytes (default: none, and it is refused)")
            takes_parameters(added)
        else:
            takes_typed(added)

    for name, text in (
        ("catalog", "deploy the catalog stack; the first time with the first version of its product"),
        ("publish", "publish a version of the catalog stack's product"),
    ):
        without = "refused" if name == "publish" else "an update of the stack"
        added = command(name, text)
        added.add_argument("--stack", default=_CATALOG_STACK, help="the catalog stack (default: %(default)s)")
        named = f"name of the version, such as 1.0.0 (default: {without})"
        added.add_argument("--version", default="", dest="release", help=named)
        added.add_argument("--json", action="store_true", help="for programs")
        takes_out(added)
        added.add_argument(
            "--template", type=Path, help="the root template (default: root.json in the folder of --out)"
        )
        takes_uploads(added)
        if name == "catalog":
            takes_parameters(added)
            takes_role(added)
    return made
