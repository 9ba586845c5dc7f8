"""Compares checkov's findings in templates with docs/checkov.md: `python -m tests.templates.checkov FILE`.

The file is checkov's own report (`make checkov`). A new failure is said, and so is a row whose check passes.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).parents[2] / "docs" / "checkov.md"
_ROW = re.compile(r"^\| (CKV\w+) \| ([\w-]+): (\S+) \| (.+) \|$", re.MULTILINE)

Finding = tuple[str, str, str]
"""Check, template, resource."""


def explained(text: str) -> set[Finding]:
    """What the document explains."""
    return {(check, template, resource) for check, template, resource, _ in _ROW.findall(text)}


def failed(report: Any) -> set[Finding]:
    """What checkov has found. Raises ValueError for a report of nothing, or of templates that it could not read."""
    reports = report if isinstance(report, list) else [report]
    found: set[Finding] = set()
    for each in reports:
        summary = each.get("summary") or {}
        if not summary.get("resource_count") or summary.get("parsing_errors") or summary.get("skipped"):
            raise ValueError(f"checkov has looked at nothing, or not at everything: {summary}")
        found |= {
            (check["check_id"], check["file_path"].strip("/").removesuffix(".json"), check["resource"])
            for check in each["results"]["failed_checks"]
        }
    if not reports:
        raise ValueError("checkov has looked at nothing")
    return found


def differences(report: Any, text: str) -> list[str]:
    """What the two do not agree on, one line each."""
    found, rows = failed(report), explained(text)
    return [
        *(
            f"{check} fails for {template}: {resource}: mend it, or explain it"
            for check, template, resource in sorted(found - rows)
        ),
        *(
            f"{check} passes for {template}: {resource}: take the row out"
            for check, template, resource in sorted(rows - found)
        ),
    ]


def main(report: str) -> int:
    """Say what differs. Exit code 1 where something does."""
    lines = differences(json.loads(Path(report).read_text(encoding="utf-8")), DOCUMENT.read_text(encoding="utf-8"))
    for line in lines:
        print(f"{DOCUMENT.name}: {line}", file=sys.stderr)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
