"""The stages of a boot: each is told in the instance's `boot#` row when it begins, and in the log when it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from coordination.boots import LONGEST_REASON, Boot
from coordination.outcomes import Done, Write
from userdata.logs.lines import Log, Stage, StageFailed

Store = Callable[[Boot], Write]


class RunningStage:
    """A stage that runs; what it waits for is told in both places."""

    def __init__(self, stage: Stage, stages: Stages) -> None:
        self._stage = stage
        self._stages = stages

    def wait(self, reason: str, *, condition: str = "") -> None:
        """Say what the stage waits for, once for as long as it is the same; and which condition stands for it."""
        self._stage.wait(reason)
        self._stages.store(reason=reason, condition=condition)

    def say(self, reason: str) -> None:
        """What the stage's line will say when it has ended well."""
        self._stage.reason = reason


class Stages:
    """The stages of one boot. `store` writes the row; that it failed never ends a stage."""

    def __init__(self, log: Log, store: Store, row: Boot) -> None:
        self._log = log
        self._store = store
        self._row = row
        self._is_stored = True

    @property
    def row(self) -> Boot:
        """The row as it was told last."""
        return self._row

    @contextmanager
    def stage(self, name: str) -> Iterator[RunningStage]:
        """Run a stage. Exceptions pass; the text of StageFailed becomes the row's reason."""
        self.store(stage=name, reason="")
        try:
            with self._log.stage(name) as running:
                yield RunningStage(running, self)
        except StageFailed as failed:
            self.store(reason=str(failed))
            raise

    def store(
        self,
        *,
        stage: str | None = None,
        reason: str | None = None,
        condition: str = "",
        fingerprint: str | None = None,
    ) -> Write | None:
        """Change the row, if that changes anything, or if it is unknown whether the last change was stored.

        A new reason comes with the condition that stands for it, or with none.
        """
        row = replace(
            self._row,
            stage=self._row.stage if stage is None else stage,
            reason=self._row.reason if reason is None else reason[:LONGEST_REASON],
            condition=self._row.condition if reason is None else condition,
            fingerprint=self._row.fingerprint if fingerprint is None else fingerprint,
        )
        if row == self._row and self._is_stored:
            return None
        self._row = row
        return self.store_again()

    def store_again(self) -> Write:
        """Write the row as it is: because it has to be there."""
        outcome = self._store(self._row)
        self._is_stored = isinstance(outcome, Done)
        return outcome
