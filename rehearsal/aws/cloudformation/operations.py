"""The operations of root stacks: each runs in a thread of its own and decides what follows a failure.

A thread never dies silently: an exception that nobody expected becomes the stack's failure reason and is logged.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from rehearsal.aws.cloudformation.deployment import Deployment
from rehearsal.aws.cloudformation.engine import Engine
from rehearsal.aws.cloudformation.model import Run, Stack, Target
from rehearsal.aws.cloudformation.nested import NestedStacks
from rehearsal.aws.cloudformation.skipping import NOTHING, Skipped

LOG = logging.getLogger(__name__)

USER_INITIATED = "User Initiated"


def cancel_update(stack: Stack) -> None:
    """Stop an update; it rolls back, with the rights that it has."""
    if stack.run is not None:
        stack.run.disable_rollback = False
        stack.run.cancel()


class Operations:
    """Starts operations, which have the engine's rights.

    The caller has checked that the stack's status allows it, under the store's lock.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.nested = NestedStacks(engine)
        self._store = engine.store

    def create(self, stack: Stack, target: Target, token: str | None) -> None:
        """Create a stack's resources."""
        run = Run(token, stack.on_failure == "DO_NOTHING")
        stack.target = target
        self._start(
            stack, run, "CREATE_IN_PROGRESS", USER_INITIATED, lambda: self._create(stack, run, target), "CREATE"
        )

    def update(self, stack: Stack, target: Target, token: str | None, disable_rollback: bool) -> None:
        """Bring a stack to a new target."""
        run = Run(token, disable_rollback)
        stack.disable_rollback = disable_rollback
        self._start(
            stack, run, "UPDATE_IN_PROGRESS", USER_INITIATED, lambda: self._update(stack, run, target), "UPDATE"
        )

    def delete(
        self, stack: Stack, token: str | None, retain: frozenset[str] = frozenset(), *, forced: bool = False
    ) -> None:
        """Delete a stack; a creation that is still going on is stopped first. If `forced` what resists is left."""
        before, thread = stack.run, stack.thread
        if before is not None:
            before.superseded = True
            before.cancel()
        run = Run(token, False, forced=forced)

        def work() -> None:
            if thread is not None:
                thread.join()
            self._delete(stack, run, retain)

        self._start(stack, run, "DELETE_IN_PROGRESS", USER_INITIATED, work, "DELETE")

    def roll_back(self, stack: Stack, token: str | None) -> None:
        """Take a stack that stopped in a failure back to its last good state, or to nothing."""
        run = Run(token, False)
        if stack.stable is None:
            self._start(
                stack,
                run,
                "ROLLBACK_IN_PROGRESS",
                USER_INITIATED,
                lambda: self._roll_back_creation(stack, run),
                "ROLLBACK",
            )
        else:
            self.continue_rollback(stack, token, NOTHING)

    def continue_rollback(self, stack: Stack, token: str | None, skip: Skipped) -> None:
        """Roll an update back, leaving alone the resources in `skip`, those of nested stacks among them."""
        run = Run(token, False)
        self._start(
            stack,
            run,
            "UPDATE_ROLLBACK_IN_PROGRESS",
            USER_INITIATED,
            lambda: self._roll_back_update(stack, run, skip),
            "UPDATE_ROLLBACK",
        )

    def _start(
        self, stack: Stack, run: Run, status: str, reason: str, work: Callable[[], None], failed_prefix: str
    ) -> None:
        def guarded() -> None:
            try:
                work()
            except Exception as error:
                LOG.exception("the operation on stack %s failed in the local AWS itself", stack.name)
                text = f"Internal failure of the local AWS: {type(error).__name__}: {error}"
                self._store.set_status(stack, f"{failed_prefix}_FAILED", text)
            finally:
                with self._store.lock:
                    if stack.thread is threading.current_thread():
                        stack.last_token, stack.run, stack.thread = run.token, None, None

        with self._store.lock:
            stack.run = run
            stack.thread = threading.Thread(target=guarded, name=f"stack {stack.name}", daemon=True)
            self._store.set_status(stack, status, reason)
            stack.thread.start()

    def _deployment(self, stack: Stack, run: Run) -> Deployment:
        return Deployment(self.engine, self.nested, stack, run)

    def _conclude(self, stack: Stack, run: Run, status: str, reason: str | None = None) -> bool:
        """Change the stack's status, unless a delete has taken over or the local AWS stops; whether it was changed."""
        with self._store.lock:
            if run.superseded or self.engine.stopping.is_set():
                return False
            self._store.set_status(stack, status, reason)
            return True

    def _create(self, stack: Stack, run: Run, target: Target) -> None:
        timed_out = threading.Event()
        stop_timer = self._time_limit(stack, run, timed_out)
        deployment = self._deployment(stack, run)
        problem = deployment.apply(target)
        stop_timer()
        if problem is None:
            stack.remember()
            self._conclude(stack, run, "CREATE_COMPLETE")
            return
        if timed_out.is_set():
            problem = f"Stack creation time exceeded the specified timeout. {problem}"
        if stack.on_failure == "DO_NOTHING":
            deployment.pause_children()
            self._conclude(stack, run, "CREATE_FAILED", problem)
        elif stack.on_failure == "DELETE":
            if self._conclude(stack, run, "DELETE_IN_PROGRESS", f"{problem}Delete requested by user."):
                self._delete(stack, self._follow_up(stack, run), frozenset(), in_creation=True)
        elif self._conclude(stack, run, "ROLLBACK_IN_PROGRESS", f"{problem}Rollback requested by user."):
            self._roll_back_creation(stack, self._follow_up(stack, run))

    def _time_limit(self, stack: Stack, run: Run, timed_out: threading.Event) -> Callable[[], None]:
        if stack.timeout_minutes is None:
            return lambda: None

        def expire() -> None:
            timed_out.set()
            run.cancel()

        return self.engine.clock.timer(stack.timeout_minutes * 60, expire)

    def _follow_up(self, stack: Stack, run: Run) -> Run:
        """A run that is not cancelled, for what follows a failed one; a delete may still take over."""
        following = Run(run.token, False)
        with self._store.lock:
            stack.run = following
        return following

    def _roll_back_creation(self, stack: Stack, run: Run) -> None:
        problem = self._deployment(stack, run).rollback_creation()
        self._conclude(stack, run, "ROLLBACK_FAILED" if problem else "ROLLBACK_COMPLETE", problem)

    def _update(self, stack: Stack, run: Run, target: Target) -> None:
        deployment = self._deployment(stack, run)
        problem = deployment.apply(target)
        stack.updated = self.engine.clock.now()
        if problem is None:
            if self._conclude(stack, run, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"):
                deployment.commit()
                self._conclude(stack, run, "UPDATE_COMPLETE")
        elif run.disable_rollback:
            deployment.pause_children()
            self._conclude(stack, run, "UPDATE_FAILED", problem)
        elif self._conclude(stack, run, "UPDATE_ROLLBACK_IN_PROGRESS", problem):
            self._roll_back_update(stack, self._follow_up(stack, run), NOTHING)

    def _roll_back_update(self, stack: Stack, run: Run, skip: Skipped) -> None:
        deployment = self._deployment(stack, run)
        problem = deployment.rollback_update(skip)
        if problem:
            self._conclude(stack, run, "UPDATE_ROLLBACK_FAILED", problem)
        elif self._conclude(stack, run, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"):
            deployment.clean_rollback()
            self._conclude(stack, run, "UPDATE_ROLLBACK_COMPLETE")

    def _delete(self, stack: Stack, run: Run, retain: frozenset[str], in_creation: bool = False) -> None:
        problem = self._deployment(stack, run).delete(in_creation, retain)
        if not self.engine.stopping.is_set():
            self._store.set_status(stack, "DELETE_FAILED" if problem else "DELETE_COMPLETE", problem)
