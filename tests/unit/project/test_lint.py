"""cfn-lint's ignores, and that the lint of the templates can fail."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from rehearsal import lint

ROOT = Path(__file__).parents[3]


def test_every_ignore_is_one_rule_and_has_a_reason() -> None:
    for rule, reason in lint.ignored().items():
        assert re.fullmatch(r"[EWI]\d{4}", rule), rule
        assert len(reason.split()) > 5, rule


def test_a_property_that_does_not_exist_is_found(tmp_path: Path) -> None:
    template = json.loads((ROOT / "templates" / "database.json").read_text())
    template["Resources"]["Table"]["Properties"]["BilingMode"] = "PAY_PER_REQUEST"
    file = tmp_path / "database.json"
    file.write_text(json.dumps(template))
    done = subprocess.run(lint.command([file], "us-east-1"), capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "BilingMode" in done.stdout
