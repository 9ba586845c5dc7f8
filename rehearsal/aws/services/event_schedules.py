"""When a rule's schedule expression fires: `rate(...)` and `cron(...)` as EventBridge reads them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

UNIT_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
CRON_LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))
"""The smallest and largest value of minute, hour, day of month, month, day of week (1 is Sunday) and year."""
SEARCH_LIMIT = timedelta(days=366 * 2)
"""How far ahead a cron expression's next time is looked for."""


def next_time(expression: str, after: datetime) -> datetime | None:
    """The first time after the given one at which the schedule fires; None for one that never fires again.

    Raises ValueError for an expression that is neither a rate nor a cron expression of six fields.
    """
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if rate:
        return after + timedelta(seconds=int(rate[1]) * UNIT_SECONDS[rate[2]])
    cron = re.fullmatch(r"cron\((.+)\)", expression)
    fields = cron[1].split() if cron else []
    if len(fields) != len(CRON_LIMITS):
        raise ValueError(f"schedule {expression!r}: expected rate(<n> minutes|hours|days) or cron(<six fields>)")
    return _next_match([_values(field, index) for index, field in enumerate(fields)], after)


def _next_match(allowed: list[frozenset[int]], after: datetime) -> datetime | None:
    minutes, hours, days, months, weekdays, years = allowed
    moment = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while moment - after < SEARCH_LIMIT:
        # EventBridge counts weekdays from Sunday = 1; isoweekday counts from Monday = 1 to Sunday = 7.
        weekday = moment.isoweekday() % 7 + 1
        if moment.year not in years or moment.month not in months or moment.day not in days or weekday not in weekdays:
            moment = moment.replace(hour=0, minute=0) + timedelta(days=1)
        elif moment.hour not in hours:
            moment = moment.replace(minute=0) + timedelta(hours=1)
        elif moment.minute not in minutes:
            moment += timedelta(minutes=1)
        else:
            return moment
    return None


def _values(field: str, index: int) -> frozenset[int]:
    """The values that one cron field allows."""
    low, high = CRON_LIMITS[index]
    names = {3: (MONTHS, 1), 4: (DAYS, 1)}.get(index)
    values: set[int] = set()
    for part in field.upper().split(","):
        body, _, step = part.partition("/")
        if body in ("*", "?"):
            start, end = low, high
        else:
            first, _, last = body.partition("-")
            start = _number(first, names)
            end = _number(last, names) if last else (high if step else start)
        if not low <= start <= end <= high:
            raise ValueError(f"cron field {field!r}: expected values from {low} to {high}")
        values.update(range(start, end + 1, int(step or 1)))
    return frozenset(values)


def _number(text: str, names: tuple[tuple[str, ...], int] | None) -> int:
    if names and text in names[0]:
        return names[0].index(text) + names[1]
    if not text.isdecimal():
        raise ValueError(f"cron value {text!r}: expected a number or a name (L, W and # are not offered)")
    return int(text)
