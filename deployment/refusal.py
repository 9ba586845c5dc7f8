"""The errors that a command ends with: a line for the person who typed it."""

from __future__ import annotations


class Refusal(Exception):
    """What was asked cannot be done; the message says why and what to do, in one line."""


class StoppedFollowing(Exception):
    """Somebody has stopped a command after it began an operation; the message says that it goes on, and how to look."""
