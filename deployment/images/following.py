"""Following a build: a line for each change, as text or as JSON, until it has ended."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from deployment.images import builds, log
from deployment.images.builds import Cancelled, Failed, Going, Look, Made
from deployment.next_steps import Typed
from deployment.refusal import StoppedFollowing

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 5.0
_SILENCE_SECONDS = 60.0
_BAR = 20
_LINES = 20
_print = partial(print, flush=True)


@dataclass
class BuildFollower:
    """Tells a build from now on. `typed` is what next steps repeat."""

    builder: Any
    logs: Any
    typed: Typed
    as_json: bool = False
    say: Callable[[str], None] = _print
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def follow(self, arn: str) -> bool:
        """Until the build has ended; True where there is an image then. Raises StoppedFollowing."""
        try:
            if not self.as_json:
                self.say(arn)
            return self._tell_end(self._until_end(arn))
        except KeyboardInterrupt as interrupt:
            raise StoppedFollowing(f"stopped following; {self._goes_on()}") from interrupt
        except (BotoCoreError, ClientError) as error:
            raise StoppedFollowing(f"the build could not be asked for: {error}; {self._goes_on()}") from error

    def _goes_on(self) -> str:
        return f"the build goes on in AWS. To follow it: {self.typed.make('image-follow')}"

    def _until_end(self, arn: str) -> Look:
        started = told = self.clock()
        before: tuple[str, str] | None = None
        pause = _FIRST_PAUSE_SECONDS
        while True:
            found = builds.look(self.builder, arn)
            now = self.clock()
            if not isinstance(found.outcome, Going):
                return found
            is_new = (found.state, found.step) != before
            if is_new or now - told >= _SILENCE_SECONDS:
                self._tell(found, now - started)
                before, told = (found.state, found.step), now
            pause = _FIRST_PAUSE_SECONDS if is_new else min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
            self.sleep(pause)

    def _tell(self, found: Look, seconds: float) -> None:
        if self.as_json:
            self._document(state=found.state, step=found.step, percent=found.percent, seconds=round(seconds, 1))
            return
        done = found.percent * _BAR // 100
        bar = "#" * done + "." * (_BAR - done)
        self.say(f"{seconds:7.1f} s  [{bar}] {found.percent:3} %  {found.state:<12}  {found.step}".rstrip())

    def _tell_end(self, found: Look) -> bool:
        match found.outcome:
            case Made(amis):
                self._tell_made(found, amis)
                return True
            case Failed() as failed:
                self._tell_failed(found, failed)
            case Cancelled() | Going():
                self._tell_cancelled(found)
        return False

    def _tell_made(self, found: Look, amis: tuple[builds.Ami, ...]) -> None:
        if self.as_json:
            self._document(state=found.state, percent=100, image=found.arn, amis={a.region: a.identity for a in amis})
            return
        self.say(f"{found.arn} is {found.state}")
        for each in amis:
            self.say(f"  {each.region}  {each.identity}")

    def _tell_cancelled(self, found: Look) -> None:
        if self.as_json:
            self._document(state=found.state, image=found.arn)
        else:
            self.say(f"{found.arn} is {found.state}: there is no image; to build one: {self.typed.make('image')}")

    def _tell_failed(self, found: Look, failed: Failed) -> None:
        last = log.last(self.logs, found.log_group, found.log_stream, _LINES)
        rest = log.command(self.typed.region, found.log_group, found.log_stream)
        if self.as_json:
            lines = {"log": list(last.lines)} if isinstance(last, log.Lines) else {"log_unknown": last.reason}
            told = {name: value for name, value in asdict(failed).items() if name != "state"}
            self._document(state=found.state, image=found.arn, failed_in=failed.state, **told, **lines, rest=rest)
            return
        self.say(f"{found.arn} is {found.state}{f', in {failed.state}' if failed.state else ''}: {failed.reason}")
        for line in _places(failed):
            self.say(f"  {line}")
        if isinstance(last, log.Lines):
            named = f"the last lines of its log ({found.log_group}, {found.log_stream}):"
            self.say(named if last.lines else "its log is empty")
            for line in last.lines:
                self.say(f"  {line}")
        else:
            self.say(f"its log could not be read: {last.reason}")
        self.say(f"all of it: {rest}")

    def _document(self, **said: Any) -> None:
        self.say(json.dumps(said))


def _places(failed: Failed) -> list[str]:
    """Where it failed, from the outside in, of what is known."""
    places = [f"step {failed.step}"] if failed.step else []
    if failed.component:
        phase = f", phase {failed.phase}" if failed.phase else ""
        step = f", step {failed.component_step}" if failed.component_step else ""
        places.append(f"component {failed.component}{phase}{step}{f': {failed.error}' if failed.error else ''}")
    return [*places, *(f"region {region}: {why}" for region, why in failed.regions)]
