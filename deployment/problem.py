"""One value of a parameter that cannot be deployed, in the words in which it is told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """Which parameter, what it was given, and what it may be."""

    parameter: str
    given: str
    allowed: str

    @property
    def line(self) -> str:
        """The one line that a person reads."""
        return f"{self.parameter}: given {self.given or 'nothing'}; allowed: {self.allowed}"


def entries(text: str) -> list[str]:
    """The entries of a comma-separated value, as CloudFormation reads them: without the blanks around each.

    None for an empty value. CloudFormation template reference, "Parameters syntax", CommaDelimitedList.
    """
    return [entry.strip() for entry in text.split(",")] if text.strip() else []
