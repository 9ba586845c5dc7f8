"""What the documents name exists: the paths of the repository that stand in backticks, and the targets of links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import get_args

import pytest

from generator.config.model import Partition
from imagebuilder import versions
from requirements import environment
from tests.templates.linting import REGIONS
from tests.unit.project.rooms import ROOMS, ROOT

DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("README.md", "CONTRIBUTING.md", "docs/*.md", "docs/*/*.md")
    for path in ROOT.glob(pattern)
)
FOLDERS = (*ROOMS, "docs", "examples", "requirements", "templates", "tests")
NAMED_THOUGH_MISSING = {
    "docs/decisions/0014-names-stand-once.md": {"generator/names.py"},  # What was, before the decision.
    "docs/how-to/add-a-layer.md": {"generator/layers/dns.py"},  # An example's.
}
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


def paths(text: str) -> Iterator[str]:
    """What in a document's backticks looks like a path of the repository, or like a module's file name."""
    for word in (word for code in _CODE.findall(text) for word in re.split(r"[\s=]+", code)):
        folder, slash, _ = word.partition("/")
        if (slash and folder in FOLDERS) or re.fullmatch(r"[\w*][\w*./-]*\.(py|md|cfg|toml)", word):
            yield word


def exists(path: str) -> bool:
    """Whether the repository has it; a bare file name may stand in any folder, and a pattern needs one match."""
    if "/" in path or (ROOT / path).exists():
        return any(ROOT.glob(path.rstrip("/")))
    return any(found for folder in FOLDERS for found in (ROOT / folder).rglob(path))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_that_a_document_names_exists(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")

    missing = {path for path in paths(text) if not exists(path)}

    assert missing == NAMED_THOUGH_MISSING.get(document, set())


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_of_a_document_leads_to_a_file(document: str) -> None:
    place = ROOT / document

    targets = set(_LINK.findall(place.read_text(encoding="utf-8")))

    assert [target for target in sorted(targets) if not (place.parent / target).exists()] == []


def test_a_path_is_told_from_a_place_on_a_node_and_from_other_code() -> None:
    text = "`make local CONFIG=examples/minimal.yaml`, `/etc/holdfast/node.json`, `userdata/boot/`, `fields.py`, `a/b`"

    assert [*paths(text)] == ["examples/minimal.yaml", "userdata/boot/", "fields.py"]


def test_the_index_has_every_page_with_a_sentence() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[[^]]+\]\(([^)]+)\) \| (.+) \|$", index, re.MULTILINE)
    decisions = re.findall(r"^- \[(\d+)\]\((decisions/\1-[^)]+)\): .+$", index, re.MULTILINE)
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")} - {"README.md"}
    listed = [page for page, _ in rows] + [page for _, page in decisions]
    assert sorted(listed) == sorted(pages)
    assert [page for page, sentence in rows if not sentence.endswith(".")] == []
    assert "](docs/README.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_support_matrix_is_what_the_code_supports() -> None:
    page = (ROOT / "docs" / "support.md").read_text(encoding="utf-8")
    rows = {cells[0]: cells[1:] for line in page.splitlines() if (cells := line.strip("| ").split(" | "))[1:]}
    assert rows["Kubernetes"][0].split(", ") == [release.minor for release in versions.read().releases]
    (python,) = re.findall(r"(\d+)\.(\d+) or newer", rows["Python, on the machine that deploys"][0])
    assert tuple(map(int, python)) == environment.OLDEST
    of_partition = {
        re.findall(r"`([^`]+)`", row[0])[0]: row[1].split(", ") for row in rows.values() if "`aws" in row[0]
    }
    assert {name: of_partition[name] for name in REGIONS} == REGIONS
    named = re.findall(r"`(aws[a-z-]*)`", "".join(row[0] for row in rows.values()))
    assert named == list(get_args(Partition))
