"""Who loses rights by an update: a list of people that is given takes the place of the stack's own. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deployment.problem import entries

ADMINISTRATORS = "AdministratorArns"
# The root's parameters that list people, in the words in which a loss is told.
_LISTS = {
    ADMINISTRATORS: "administrators",
    "EditorArns": "editors",
    "ViewerArns": "viewers",
    "KeyOperatorArns": "key operators",
}


@dataclass(frozen=True)
class Loss:
    """The ARNs that an update takes out of one list. `parameter` is the root's."""

    parameter: str
    arns: tuple[str, ...]

    @property
    def asks(self) -> bool:
        """Whether somebody has to agree: without administrators nobody repairs the cluster through its API."""
        return self.parameter == ADMINISTRATORS

    @property
    def line(self) -> str:
        """It for a person."""
        return f"{_LISTS[self.parameter]} lose {', '.join(self.arns)}"


def arns_in(value: str) -> list[str]:
    """The ARNs in the value of a list of people; an empty one stands for nobody."""
    return [arn for arn in entries(value) if arn]


def losses(existing: Mapping[str, str], given: Mapping[str, str]) -> list[Loss]:
    """Whom the given values leave out of the lists that the stack has; a list that is not given stays."""
    found: list[Loss] = []
    for parameter in _LISTS:
        if parameter in given:
            stay = arns_in(given[parameter])
            gone = tuple(arn for arn in arns_in(existing.get(parameter, "")) if arn not in stay)
            found += [Loss(parameter, gone)] if gone else []
    return found


def with_one_more(listed: Sequence[str], arn: str) -> str:
    """The value of a list's parameter that keeps everybody and adds one."""
    return ",".join([*listed, arn])
