"""A tree of templates once it is packaged: each template as it refers to uploads alone, and what S3 holds of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from deployment.templates import Body


@dataclass(frozen=True)
class Upload:
    """One object in S3, named by its content: an absolute reference to exactly these bytes."""

    path: Path
    """The local file that it was made of."""
    bucket: str
    key: str
    url: str
    """Absolute, in path style, as TemplateURL takes it, with the version where there is one."""
    size_bytes: int
    sha256: str
    """Of the object as S3 holds it, as 64 hexadecimal digits."""
    version: str = ""
    """The version of the object that was read; empty in a bucket that keeps none."""


@dataclass(frozen=True)
class PackagedTemplate:
    """One template: where it came from, and how it refers to uploads alone."""

    path: Path
    text: str
    """The root's as the command writes it (JSON); a nested one's as S3 holds it (YAML, or JSON with versions)."""
    body: Body
    """What `text` says."""
    code: Mapping[str, Upload]
    """Code of its functions, by their logical ids."""
    nested: Mapping[str, NestedTemplate]
    """By the logical ids of their stacks."""

    def uploads(self) -> Iterator[Upload]:
        """All that it needs in S3, the template itself left out; what is needed first comes first."""
        yield from self.code.values()
        for each in self.nested.values():
            yield from each.template.uploads()
            yield each.upload


@dataclass(frozen=True)
class NestedTemplate:
    """A template that another one nests, and its upload."""

    upload: Upload
    template: PackagedTemplate
