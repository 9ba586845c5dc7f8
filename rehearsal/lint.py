"""cfn-lint over templates with the ignores of setup.cfg: `python -m rehearsal.lint --region us-east-1 templates/*`.

cfn-lint has no settings in setup.cfg of its own, and each ignore has to carry its reason there.
"""

from __future__ import annotations

import argparse
import configparser
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_SETTINGS = Path(__file__).resolve().parent.parent / "setup.cfg"
_SECTION = "cfn-lint:ignored"


def ignored(settings: Path = _SETTINGS) -> dict[str, str]:
    """Rule -> why it is not reported."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(settings.read_text(encoding="utf-8"))
    return dict(parser[_SECTION])


def command(templates: Sequence[Path], region: str) -> list[str]:
    """The one cfn-lint call for all templates; its start alone takes seconds. It exits with 0 for no finding."""
    rules = [part for rule in ignored() for part in ("--ignore-checks", rule)]
    files = [part for template in templates for part in ("--template", str(template))]
    return [str(Path(sys.executable).with_name("cfn-lint")), "--regions", region, *rules, *files]


def main(arguments: Sequence[str] | None = None) -> int:
    """Lints and returns cfn-lint's exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m rehearsal.lint",
        description="Runs cfn-lint over templates.",
        epilog="exit codes: 0 no finding, 2 bad input, else a sum: 2 errors, 4 warnings, 8 information",
    )
    parser.add_argument("--region", required=True, help="whose resource types and properties hold")
    parser.add_argument("templates", nargs="+", type=Path, help="files of templates")
    options = parser.parse_args(arguments)
    return subprocess.run(command(options.templates, options.region), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
