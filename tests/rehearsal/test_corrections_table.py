"""docs/rehearsal.md lists the corrections that exist."""

from __future__ import annotations

from rehearsal.aws.corrections import corrections
from tests.rehearsal import corrections_table


def test_the_document_lists_every_correction_and_no_other() -> None:
    current = corrections_table.current()
    assert len(corrections()) > 10
    assert corrections_table.DOCUMENT.read_text() == current, "run: make golden"
