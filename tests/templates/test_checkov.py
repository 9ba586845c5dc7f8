"""The comparison of checkov's findings with docs/checkov.md, both ways; checkov itself runs in `make checkov`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.templates.checkov import DOCUMENT, differences, explained

ROW = "| CKV_AWS_1 | iam: AWS::KMS::Key.Key | because |\n"


def report(*checks: str, resources: int = 1, **summary: int) -> dict[str, Any]:
    failed = [{"check_id": each, "file_path": "/iam.json", "resource": "AWS::KMS::Key.Key"} for each in checks]
    return {"summary": {"resource_count": resources, **summary}, "results": {"failed_checks": failed}}


def test_a_failure_that_is_explained_is_no_news() -> None:
    assert differences(report("CKV_AWS_1"), ROW) == []


def test_a_new_failure_and_a_row_whose_check_passes_are_told() -> None:
    assert differences(report("CKV_AWS_2"), ROW) == [
        "CKV_AWS_2 fails for iam: AWS::KMS::Key.Key: mend it, or explain it",
        "CKV_AWS_1 passes for iam: AWS::KMS::Key.Key: take the row out",
    ]


@pytest.mark.parametrize(
    "nothing", [[], {}, report(resources=0), report(parsing_errors=1), report("CKV_AWS_1", skipped=1)]
)
def test_a_report_of_less_than_everything_is_refused(nothing: Any) -> None:
    with pytest.raises(ValueError, match="checkov has looked at nothing"):
        differences(nothing, ROW)


def test_every_row_of_the_document_is_read() -> None:
    text = DOCUMENT.read_text()
    assert len(explained(text)) == text.count("\n| CKV") > 0
