"""What a page quotes as output, compared with what came: everything but ids, ages and what the page leaves out.

A page's ids are examples. Each stands for one thing: what it stood for first, it stands for in every later quote and
command.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

LEFT_OUT = "…"
"""In a line of a page: any text; as a line of its own: any number of lines."""
_EXAMPLES = re.compile(r"\b(?:i|ami)-[0-9a-f]{17}\b|\b[0-9a-f]{16}\b")
_AGES = re.compile(r"\d+(?:\.\d+)? (?:s|min|h|d)\b")
_AGE = r"\d+(?:\.\d+)? (?:s|min|h|d)"
_SPACES = re.compile(r" +")


class Examples:
    """What the examples of a page stand for in one walk; `words` are those that are known before."""

    def __init__(self, words: dict[str, str]) -> None:
        self.words = words

    def real(self, text: str) -> str:
        """A text of the page, with what is real in the place of examples."""
        for word in sorted(self.words, key=len, reverse=True):
            text = text.replace(word, self.words[word])
        return text

    def compare(self, quoted: Sequence[str], said: str) -> None:
        """AssertionError where these lines are not what was said; examples that are new stand for what came."""
        if not quoted:
            return
        lines = "".join(f"{line.rstrip()}\n" for line in said.strip("\n").splitlines())
        names: dict[str, str] = {}
        patterns = [self._line(line, names) for line in quoted]
        found = re.fullmatch("".join(patterns), lines)
        if found is None:
            begun = [bool(re.match("".join(patterns[: at + 1]), lines)) for at in range(len(patterns))]
            missing = "no more" if all(begun) else quoted[begun.index(False)]
            raise AssertionError(f"the page says\n{missing}\nand it was\n{lines}")
        self.words.update({word: found[name] for word, name in names.items()})

    def _line(self, line: str, names: dict[str, str]) -> str:
        if line.strip() == LEFT_OUT:
            return r"(?:.*\n)*?"
        return "".join(self._parts(line.rstrip(), names)) + r"\n"

    def _parts(self, line: str, names: dict[str, str]) -> Iterator[str]:
        known = "|".join(re.escape(word) for word in sorted(self.words, key=len, reverse=True)) or "(?!)"
        kinds = re.compile(f"({known})|({_EXAMPLES.pattern})|({_AGES.pattern})|({LEFT_OUT})|({_SPACES.pattern})")
        at = 0
        for found in kinds.finditer(line):
            yield re.escape(line[at : found.start()])
            at = found.end()
            word, example, age, left_out, _ = found.groups()
            if word:
                yield re.escape(self.words[word])
            elif example:
                yield self._example(example, names)
            elif age:
                yield _AGE
            else:
                yield ".*" if left_out else " +"
        yield re.escape(line[at:])

    @staticmethod
    def _example(word: str, names: dict[str, str]) -> str:
        if word in names:
            return f"(?P={names[word]})"
        names[word] = f"example{len(names)}"
        kind = word.partition("-")[0] + "-" if "-" in word else ""
        return f"(?P<{names[word]}>{kind}[0-9a-f]{{{17 if kind else 16}}})"
