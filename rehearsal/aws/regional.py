"""What services of our own share that hold things by region: their stores, pages of lists, and what is not played."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rehearsal.aws.protocol import RequestContext, Service, ServiceError

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from rehearsal.aws.server import LocalAws

R = TypeVar("R")


class RegionalService(Service, Generic[R]):
    """The things of every region; `new_region` makes a region's store when it is first asked for."""

    def __init__(self, aws: LocalAws, new_region: Callable[[], R]) -> None:
        self.aws = aws
        self._new_region = new_region
        self._regions: dict[str, R] = {}

    def answer(self, request: Request, region: str, account_id: str, access_key_id: str) -> Response:
        """Answer a request as moto does, one after the other: operations look at moto's things, too."""
        with self.aws.lock:
            return super().answer(request, region, account_id, access_key_id)

    def in_region(self, region: str) -> R:
        """Everything in a region."""
        if region not in self._regions:
            self._regions[region] = self._new_region()
        return self._regions[region]

    def held(self, context: RequestContext) -> R:
        """Everything in the region that the request was signed for."""
        return self.in_region(context.region)


@dataclass(frozen=True)
class Pages:
    """How a service's lists are paged: its members' names, its size where a request names none, and its error."""

    token: str
    size: str
    entries: int
    wrong: Callable[[str], ServiceError]
    """For a token that no page had."""

    def page(self, entries: Sequence[Any], request: Mapping[str, Any]) -> tuple[list[Any], dict[str, str]]:
        """One page of a list, and the token for the next where there is one; the token is the next entry's index."""
        token = request.get(self.token) or "0"
        if not token.isdecimal():
            raise self.wrong(token)
        start, size = int(token), int(request.get(self.size) or self.entries)
        following = {self.token: str(start + size)} if start + size < len(entries) else {}
        return list(entries[start : start + size]), following


def not_played(what: str) -> ServiceError:
    """What the real service can do and the local one cannot."""
    return ServiceError("NotImplemented", f"{what} is not supported by the local AWS", 501)
