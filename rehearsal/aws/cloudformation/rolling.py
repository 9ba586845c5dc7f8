"""What an AutoScalingRollingUpdate does in which order, and what it says of it. Pure.

The formulas are derived from documented words and from published event logs (docs/rehearsal.md names them); they fit
all of these.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any

from rehearsal.aws.cloudformation.errors import ValidationError
from rehearsal.aws.cloudformation.signals import duration_seconds

MOST_IN_A_BATCH = 100
LONGEST_PAUSE_SECONDS = 3600
NEEDED_PROCESSES = ("Launch", "Terminate")
"""Without these no instance can be replaced."""
_KEYS = frozenset(
    {
        "MaxBatchSize",
        "MinActiveInstancesPercent",
        "MinInstancesInService",
        "MinSuccessfulInstancesPercent",
        "PauseTime",
        "SuspendProcesses",
        "WaitOnResourceSignals",
    }
)


@dataclass(frozen=True)
class RollingPolicy:
    """AutoScalingRollingUpdate with its defaults."""

    batch: int = 1
    in_service: int = 0
    """The only floor: so many instances are kept in service all the while."""
    active_percent: int = 100
    """No floor: what has to be in service at the end, of the desired capacity that the group has then."""
    successful_percent: int = 100
    pause: str = ""
    """An ISO 8601 duration."""
    waits: bool = False
    """Whether new instances have to signal."""
    suspended: tuple[str, ...] = ()

    @property
    def pause_seconds(self) -> int:
        """How long new instances are waited for."""
        return duration_seconds(self.pause) if self.pause else 0

    def active(self, desired: int) -> int:
        """How many instances have to be in service at the end."""
        return -(-desired * self.active_percent // 100)


@dataclass(frozen=True)
class Sizes:
    """A group's, before it is rolled."""

    smallest: int
    largest: int
    desired: int


@dataclass(frozen=True)
class Roll:
    """One roll of a group with instances that are not as it says."""

    policy: RollingPolicy
    sizes: Sizes
    obsolete: tuple[str, ...]

    @property
    def batch(self) -> int:
        """How many instances go at a time."""
        return min(len(self.obsolete), self.policy.batch, self.sizes.largest - self.policy.in_service)

    @property
    def raised(self) -> int:
        """The desired capacity, and the smallest size, while the group is rolled."""
        return max(self.sizes.desired, self.policy.in_service + self.batch)

    @property
    def batches(self) -> Sequence[tuple[str, ...]]:
        """The obsolete instances as they go."""
        return [self.obsolete[first : first + self.batch] for first in range(0, len(self.obsolete), self.batch)]

    def replaced(self, batch: Sequence[str], *, last: bool, instances: int) -> int:
        """How many instances come for a batch, where the group has so many with it.

        The last batch takes the group back to its size.
        """
        return max(0, self.sizes.desired - (instances - len(batch))) if last else len(batch)

    def progress(self, gone: int) -> int:
        """In percent."""
        return round(100 * gone / len(self.obsolete))

    def problem(self, successes: int, failures: int, told: int) -> str:
        """Why the roll has failed, empty while enough instances may still signal success. `told` failures were
        signals, and not silence."""
        of = len(self.obsolete)
        if of - failures >= ceil(Fraction(of * self.policy.successful_percent, 100)):
            return ""
        count = f"{told} FAILURE" if told else f"{successes} SUCCESS"
        return (
            f"Received {count} signal(s) out of {of}.  Unable to satisfy {self.policy.successful_percent}% "
            "MinSuccessfulInstancesPercent requirement"
        )

    @property
    def begins(self) -> str:
        """The first line."""
        batches = f"{len(self.obsolete)} obsolete instance(s) in batches of {self.batch}"
        least = self.policy.in_service
        floor = f", while keeping at least {least} instance(s) in service" if least else ""
        return (
            f"Rolling update initiated. Terminating {batches}{floor}. {self._waits} "
            "when new instances are added to the autoscaling group."
        )

    def added(self, count: int) -> str:
        """What is said while new instances are waited for."""
        waits = f"Waiting on {count} resource signal(s) with a timeout of {self.policy.pause}."
        return f"New instance(s) added to autoscaling group - {waits if self.policy.waits else f'{self._waits}.'}"

    @property
    def _waits(self) -> str:
        if self.policy.waits:
            return f"Waiting on resource signals with a timeout of {self.policy.pause}"
        return f"Pausing for {self.policy.pause or 'PT0S'}"


def rolling_policy(values: Mapping[str, Any], largest: int) -> RollingPolicy:
    """The policy of a group whose MaxSize is `largest`. Raises ValidationError that names the value."""
    for key in values:
        if key not in _KEYS:
            raise ValidationError(f"Encountered unsupported property {key} in AutoScalingRollingUpdate")
    waits = str(values.get("WaitOnResourceSignals", False)).lower() == "true"
    policy = RollingPolicy(
        batch=_number(values, "MaxBatchSize", 1, MOST_IN_A_BATCH, 1),
        in_service=_number(values, "MinInstancesInService", 0, None, 0),
        active_percent=_number(values, "MinActiveInstancesPercent", 0, 100, 100),
        successful_percent=_number(values, "MinSuccessfulInstancesPercent", 0, 100, 100),
        pause=str(values.get("PauseTime", "PT5M" if waits else "")),
        waits=waits,
        suspended=tuple(values.get("SuspendProcesses") or ()),
    )
    if policy.pause_seconds > LONGEST_PAUSE_SECONDS:
        raise ValidationError(f"Invalid PauseTime {policy.pause}; allowed: at most PT1H")
    if policy.in_service >= largest:
        raise ValidationError("MinInstancesInService must be less than the autoscaling group's MaxSize")
    return policy


def refusal(suspended: Collection[str]) -> str:
    """Why a group with these processes suspended cannot be rolled; empty where it can."""
    missing = [name for name in NEEDED_PROCESSES if name in suspended]
    if not missing:
        return ""
    return (
        f"Autoscaling rolling updates cannot be performed because the [{', '.join(missing)}] process(es) have been "
        "suspended; please resume these processes and then retry the update."
    )


def _number(values: Mapping[str, Any], key: str, least: int, most: int | None, otherwise: int) -> int:
    given = values.get(key, otherwise)
    try:
        number = int(given)
    except (TypeError, ValueError):
        number = least - 1
    if number < least or (most is not None and number > most):
        allowed = f"at least {least}" if most is None else f"{least} to {most}"
        raise ValidationError(f"Invalid {key} {given}; allowed: {allowed}")
    return number
