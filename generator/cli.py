"""The command line of the generator: `python -m generator`.

Modules are imported where they are used: a refused configuration does not wait for troposphere.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from generator.config import ClusterConfig

from coordination.release import Print

DEFAULT_CONFIG = "examples/default.yaml"
DEFAULT_OUT = "templates"

DONE = 0
DIFFERS = 1
BAD_INPUT = 2
LIMIT = 3

_DESCRIPTION = (
    "Write the CloudFormation templates of a cluster from its configuration, and those of its images and its product. "
    "AWS is never called."
)
_EXIT_CODES = """exit codes:
  0  done, or nothing differs
  1  --check found files that differ: their names are printed; or --current did, and says what to type
  2  bad input: one line per problem on standard error, and nothing was written
  3  a template is beyond a limit of CloudFormation: a fault of the generator, and nothing was written"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    options = _parser().parse_args(arguments)
    if options.schema is not None:
        return _schema(options.schema, check=options.check)
    if options.docs:
        return _docs(check=options.check)
    if options.validate:
        return _validate(options)
    if options.new is not None:
        return _new(options.new)
    if options.current:
        return _current(options.config, options.out or default_out(options.config))
    return _templates(options)


def default_out(config: str) -> str:
    """Where the templates of a configuration go: those of the default one, which are committed, to `templates`.

    Those of another one go into a folder that its path names. The Makefile says the same (OUT).
    """
    if config == DEFAULT_CONFIG:
        return DEFAULT_OUT
    name, _ = os.path.splitext(config.replace(" ", "-").removeprefix("./"))
    return f"build/templates/{name.replace('/', '-')}"


def _new(name: str) -> int:
    from generator.config import ConfigError, starter

    try:
        written = starter.write(name, Path())
    except ConfigError as refusal:
        return _say(str(refusal), BAD_INPUT)
    except FileExistsError as there:
        return _say(f"{there.filename} is there already; it stays as it is", BAD_INPUT)
    except OSError as error:
        return _say(f"{error.filename}: {error.strerror}", BAD_INPUT)
    print(f"{written} written; every field is in {DEFAULT_CONFIG}")
    print(f"next: make templates CONFIG={written}")
    return DONE


def _accepted(path: str) -> ClusterConfig | None:
    """The configuration, with what there is to note about it told; None for one that is refused, with the reasons."""
    from generator.config import ConfigError, read
    from generator.config.aws_domains import UNPROVEN

    try:
        config, notes = read(path)
    except ConfigError as refusal:
        _say(str(refusal), BAD_INPUT)
        return None
    for note in notes:
        _say(str(note), DONE)
    if config.partition in UNPROVEN:
        _say(f"note: templates for the partition {config.partition} are unproven: nobody has deployed one", DONE)
    return config


def _validate(options: argparse.Namespace) -> int:
    config = _accepted(options.config)
    if config is None:
        return BAD_INPUT
    if options.json:
        import msgspec

        print(msgspec.json.format(msgspec.json.encode(config), indent=2).decode())
    else:
        print(f"{options.config}: accepted")
    return DONE


def _current(path: str, out: str) -> int:
    """Whether the templates in `out` are what the configuration generates now; one line says what to type.

    Where the folder is not there, nothing is wrong: the templates may have been packaged on another machine.
    """
    if not os.path.isdir(out):
        return DONE
    from generator.config import ConfigError, read

    try:
        # What there is to note was told when the templates were written.
        config, _ = read(path)
    except ConfigError as refusal:
        return _say(str(refusal), BAD_INPUT)

    from generator import catalog, image, publish
    from generator.root import templates

    try:
        if not publish.differences({**templates(config), **image.templates(), **catalog.templates()}, Path(out)):
            return DONE
    except OSError as error:
        return _say(f"{error.filename}: {error.strerror}", BAD_INPUT)
    typed = [f"CONFIG={shlex.quote(path)}"] if path != DEFAULT_CONFIG else []
    typed += [f"OUT={shlex.quote(out)}"] if out != default_out(path) else []
    return _say(f"{out} is not what {path} generates now: {' '.join(['make templates', *typed])}", DIFFERS)


def _templates(options: argparse.Namespace) -> int:
    config = _accepted(options.config)
    if config is None:
        return BAD_INPUT

    from generator import catalog, image, limits, publish
    from generator.root import templates

    files = {**templates(config), **image.templates(), **catalog.templates()}
    try:
        limits.check(files)
        out = Path(options.out or default_out(options.config))
        changed = publish.differences(files, out) if options.check else publish.publish(files, out)
    except limits.LimitBroken as broken:
        return _say(str(broken), LIMIT)
    except (publish.PublishError, OSError) as refusal:
        return _say(str(refusal), BAD_INPUT)
    if options.json:
        sizes = [{"file": name, **limits.size(text)} for name, text in files.items()]
        report = {"config": options.config, "out": str(out), "changed": changed, "templates": sizes}
        print(json.dumps(report, indent=2))
    else:
        _report(changed, out, files, check=options.check)
    return DIFFERS if options.check and changed else DONE


def _report(changed: list[str], out: Path, files: Collection[str], *, check: bool) -> None:
    for name in changed:
        print(f"{out / name} {'differs' if check else 'written' if name in files else 'removed'}")
    if not changed:
        print(f"{out}: nothing to change")


def _schema(target: str, *, check: bool) -> int:
    from generator.config.schema import schema_text

    if target == "-":
        sys.stdout.write(schema_text())
        return DONE
    path = Path(target)
    if check:
        current = path.is_file() and path.read_text() == schema_text()
        return DONE if current else _say(f"{target} differs", DIFFERS)
    try:
        path.write_text(schema_text())
    except OSError as error:
        return _say(
            f"--schema: given {target} ({error.strerror}); allowed: a file that can be written, or -", BAD_INPUT
        )
    return DONE


def _docs(*, check: bool) -> int:
    from generator import documents

    try:
        differing = documents.update(Path(), write=not check)
    except documents.DocumentError as error:
        return _say(str(error), BAD_INPUT)
    for name in differing:
        print(f"{name} {'differs' if check else 'written'}")
    return DIFFERS if check and differing else DONE


def _say(text: str, code: int) -> int:
    print(text, file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m generator",
        description=_DESCRIPTION,
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=Print, nargs=0, help="print version and commit, and end")
    parser.add_argument("--config", metavar="FILE", default=DEFAULT_CONFIG, help="configuration (default: %(default)s)")
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="where templates go (default: templates, or build/templates/<name> of another configuration)",
    )
    parser.add_argument("--check", action="store_true", help="compare with what is there, write nothing")
    parser.add_argument("--json", action="store_true", help="report files, bytes and resources as JSON")
    other = parser.add_mutually_exclusive_group()
    other.add_argument(
        "--schema",
        metavar="FILE",
        help="write the configuration's JSON Schema, and no templates; - prints it (default: not written)",
    )
    other.add_argument("--validate", action="store_true", help="check the configuration only; --json prints it in full")
    other.add_argument(
        "--new",
        metavar="NAME",
        help="write a configuration to begin with, NAME.yaml, and no templates (default: none is written)",
    )
    other.add_argument(
        "--current",
        action="store_true",
        help="refuse templates that are there, and not what the configuration generates now; write nothing",
    )
    other.add_argument("--docs", action="store_true", help="write the generated parts of the documentation instead")
    return parser
