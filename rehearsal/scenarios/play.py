"""A scenario is played: the cluster is deployed, its steps happen, a client writes, and everything is looked at."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from rehearsal.cloud import cluster, table
from rehearsal.cloud.rehearse import Kubectl, MachineRehearsal
from rehearsal.local.processes import StepFailed
from rehearsal.scenarios.gaps import gaps, largest
from rehearsal.scenarios.looks import Looker
from rehearsal.scenarios.steps import UNDOES, Hit, Pause, Scenario, Simple, Update, Verb, Whole
from rehearsal.scenarios.timeline import Episode, Look, Sight, Span, Timeline, changes, lacking
from rehearsal.scenarios.writes import Writer, Writes, writing

_SHOWN_GAP_SECONDS = 0.5
"""Gaps that are at least so long are kept for the picture."""

_ENDS = frozenset({Verb.TERMINATE, Verb.LOSE})


class Play:
    """One run of a scenario. `timeline` tells what happened so far, also after a failure."""

    def __init__(
        self, rehearsal: MachineRehearsal, scenario: Scenario, steps: Sequence[Simple], notes: dict[str, str]
    ) -> None:
        self._rehearsal = rehearsal
        self._scenario = scenario
        self._steps = steps
        self._notes = notes
        self._slots = rehearsal.local.facts.slots
        self._begun = time.monotonic()
        self._looker = Looker(rehearsal.local.client, lambda: rehearsal.control, self._begun)
        self._looks: list[Look] = []
        self._broken: dict[str, Hit] = {}
        self._episodes: list[Episode] = []
        self._hits: list[tuple[Hit | Update, float]] = []
        self._before: frozenset[str] = frozenset()
        self._writes: Writes | None = None
        self._stopped_at: float | None = None

    def run(self, folder: Path) -> None:
        """From the deploy to the last step, and every acknowledged write is there. `folder` is for the writer's files.

        Writes are read back after a step that failed, too. Raises StepFailed, WritesLost, ClientError.
        """
        self._rehearsal.local.create()
        self._rehearsal.complete(self._look)
        with ExitStack() as stack:
            kubectl = stack.enter_context(self._rehearsal.kubectl())
            writer = stack.enter_context(writing(kubectl, folder))
            failed: StepFailed | None = None
            try:
                for step in self._steps:
                    self._do(step, kubectl)
            except StepFailed as error:
                failed = error
            finally:
                self._stopped_at = self._now()
                self._writes = writer.stop()
            try:
                self._check(writer, self._writes)
            except StepFailed as unread:
                raise failed or unread from unread
            if failed is not None:
                raise failed

    def timeline(self) -> Timeline:
        """What happened so far."""
        end = self._now() if self._stopped_at is None else self._stopped_at
        episodes = list(self._episodes)
        if self._hits:
            episodes.append(Episode(f"{self._what_happened()}: not whole", self._hits[0][1], end, (), (), None))
        whole = Timeline(
            about=self._scenario.about,
            slots=self._slots,
            looks=changes(self._looks),
            end=end,
            episodes=tuple(episodes),
            notes=self._notes,
        )
        if self._writes is None or not self._writes.acknowledged:
            return whole
        moments = [at - self._begun for at in self._writes.acknowledged.values()]
        every = list(gaps(moments, min(moments), whole.end))
        measured = tuple(replace(each, gap=largest(every, each.start, each.end)) for each in episodes)
        kept = {gap for gap in every if gap.seconds >= _SHOWN_GAP_SECONDS}
        kept |= {each.gap for each in measured if each.gap is not None}
        written = f"{len(moments)} writes acknowledged, {self._writes.failed} tries failed"
        return replace(
            whole,
            episodes=measured,
            writing=Span(written, min(moments), whole.end),
            gaps=tuple(sorted(kept, key=lambda gap: gap.start)),
        )

    def _do(self, step: Simple, kubectl: Kubectl) -> None:
        if isinstance(step, Hit):
            self._hit(step)
        elif isinstance(step, Update):
            self._update(step)
        elif isinstance(step, Pause):
            self._rehearsal.say(str(step))
            until = time.monotonic() + step.seconds
            self._watch(lambda _: time.monotonic() >= until)
        else:
            self._until_whole(step, kubectl)

    def _update(self, step: Update) -> None:
        image = self._rehearsal.control.register_image()
        self._rehearsal.say(f"{step}: {image}")
        self._happened(step)
        self._rehearsal.local.update({"ControlPlaneImage": image})

    def _happened(self, step: Hit | Update) -> None:
        if not self._hits:
            self._before = _names(self._looks[-1])
        self._hits.append((step, self._now()))

    def _hit(self, step: Hit) -> None:
        target = self._target(step)
        self._rehearsal.say(f"{step}: {target}")
        self._happened(step)
        if step.verb in UNDOES:
            del self._broken[target]
        else:
            self._broken[target] = step
        if step.verb is Verb.TERMINATE:
            self._rehearsal.local.client("autoscaling").terminate_instance_in_auto_scaling_group(
                InstanceId=target, ShouldDecrementDesiredCapacity=False
            )
        else:
            self._rehearsal.control.act(step.verb.value, target)

    def _target(self, step: Hit) -> str:
        """The instance that a step means. Raises StepFailed."""
        if step.verb in UNDOES:
            begun = Hit(UNDOES[step.verb], step.slot)
            found = [name for name, hit in self._broken.items() if hit == begun]
        else:
            look = self._looks[-1]
            # The look may be older than the step before, of which it shows nothing then.
            ending = {name for name, hit in self._broken.items() if hit.verb in _ENDS}
            meant = [sight.instance_id for sight in look.sights if _is_meant(sight, step, look.leader)]
            found = [name for name in meant if name not in ending]
        if len(found) != 1:
            raise StepFailed(f"{step}: {len(found)} instances are meant: {', '.join(found) or 'none'}")
        return found[0]

    def _until_whole(self, step: Whole, kubectl: Kubectl) -> None:
        why: list[str] = []
        begun = time.monotonic()

        def whole(look: Look) -> bool:
            why[:] = self._updating() or lacking(look, self._slots, list(self._broken)) or self._nodes(look, kubectl)
            if why and time.monotonic() - begun > step.within:
                lines = [f"the cluster is not whole after {step.within:g} s:", *why]
                raise StepFailed("\n".join([*lines, *map(str, look.conditions), *self._rehearsal.refusals()]))
            return not why

        look = self._watch(whole)
        names = _names(look)
        what = self._what_happened() or ("deploy" if not self._episodes else str(step))
        start = self._hits[0][1] if self._hits else (0.0 if not self._episodes else begun - self._begun)
        gone, came = sorted(self._before - names), sorted(names - self._before)
        episode = Episode(what, start, self._now(), tuple(gone), tuple(came), None)
        self._episodes.append(episode)
        self._hits.clear()
        self._broken = {name: hit for name, hit in self._broken.items() if name in names}
        self._before = names
        self._rehearsal.say(f"whole: {episode.seconds:.1f} s after {what}")

    def _what_happened(self) -> str:
        """The steps since the cluster was whole; empty where there was none."""
        return ", ".join(str(hit) for hit, _ in self._hits)

    def _updating(self) -> list[str]:
        """What an update still lacks that has begun since the cluster was whole. Raises StepFailed where it failed."""
        if not any(isinstance(step, Update) for step, _ in self._hits):
            return []
        status = self._rehearsal.local.status()
        if status.endswith("_IN_PROGRESS") and "ROLLBACK" not in status:
            return [f"the stack is {status}"]
        if status != "UPDATE_COMPLETE":
            raise StepFailed(f"the update has failed: the stack is {status}")
        return []

    def _nodes(self, look: Look, kubectl: Kubectl) -> list[str]:
        """What the API's nodes lack; all that is not a control plane is a worker, and not looked at."""
        try:
            nodes = kubectl.items("nodes", "--selector", "node-role.kubernetes.io/control-plane")
        except StepFailed as failed:
            return [str(failed)]
        return cluster.unready_nodes(_names(look), nodes)

    def _check(self, writer: Writer, writes: Writes) -> None:
        writer.check(writes)
        self._rehearsal.say(f"all {len(writes.acknowledged)} acknowledged writes are there")

    def _watch(self, until: Callable[[Look], bool]) -> Look:
        self._rehearsal.watch(lambda rows: until(self._look(rows)))
        return self._looks[-1]

    def _look(self, rows: Sequence[table.Row]) -> Look:
        look = self._looker.look(rows, self._broken)
        known = self._looks[-1].conditions if self._looks else ()
        for name in look.conditions:
            if name not in known:
                self._rehearsal.say(f"condition {name}")
        self._looks.append(look)
        return look

    def _now(self) -> float:
        return time.monotonic() - self._begun


def _names(look: Look) -> frozenset[str]:
    return frozenset(sight.instance_id for sight in look.sights)


def _is_meant(sight: Sight, step: Hit, leader: str) -> bool:
    if step.slot is None:
        return sight.instance_id == leader
    return sight.slot == step.slot and not sight.is_leaving
