"""The SHA-256 of a file as its publisher has it: read from a file of checksums."""

from __future__ import annotations

import hashlib
import re

from imagebuilder.artefacts import RemoteFile
from imagebuilder.locking.http import Contradiction, SourceFailed, Sources
from imagebuilder.locks import Checksum

# What sha256sum writes: a hash, a space, a space or an asterisk, a name, perhaps with a folder.
_LINE = re.compile(r"([0-9A-Fa-f]{64}) [ *](?:\./)?(\S+)")
_ALONE = re.compile(r"[0-9A-Fa-f]{64}")


def published(sources: Sources, file: RemoteFile, *, whole: bool = False) -> Checksum:
    """What the source says of a file; with `whole` the file is fetched, too, and compared. SourceFailed, Contradiction.

    The size is what the source's web server says: None where it says nothing.
    """
    answer = sources.get(file.checksums)
    sha256 = _named(answer.body, file, answer.url)
    size = _size(sources, file)
    if whole:
        size = _compared(sources, file, sha256, size)
    return Checksum(sha256, size)


def _named(raw: bytes, file: RemoteFile, url: str) -> str:
    """The checksum of a file in a file of checksums: the only one without a name, or the one with the file's."""
    try:
        text = raw.decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise SourceFailed(f"{url}: no file of checksums: it is not text") from error
    if _ALONE.fullmatch(text):
        return text.lower()
    # Some are signed, and have more lines than checksums.
    found = {sha256.lower() for sha256, name in map(_parts, text.splitlines()) if name == file.file_name}
    if len(found) > 1:
        raise Contradiction(f"{url}: {len(found)} checksums of {file.file_name}")
    if not found:
        raise SourceFailed(f"{url}: no SHA-256 of {file.file_name}")
    return found.pop()


def _parts(line: str) -> tuple[str, str]:
    match = _LINE.fullmatch(line.rstrip())
    return ("", "") if match is None else (match[1], match[2])


def _size(sources: Sources, file: RemoteFile) -> int | None:
    length = sources.head(file.source).header("Content-Length")
    return int(length) if length is not None and length.isdigit() and int(length) else None


def _compared(sources: Sources, file: RemoteFile, sha256: str, size: int | None) -> int:
    digest, fetched = hashlib.sha256(), 0
    for block in sources.stream(file.source):
        digest.update(block)
        fetched += len(block)
    place = sources.address(file.source)
    if size is not None and fetched != size:
        raise Contradiction(f"{place}: {fetched} bytes came, and {size} were announced")
    if digest.hexdigest() != sha256:
        raise Contradiction(f"{place}: its SHA-256 is {digest.hexdigest()}, and published is {sha256}")
    return fetched
