"""The one error that a command ends with: a line for the person who typed it."""

from __future__ import annotations


class Refusal(Exception):
    """What was asked cannot be done; the message says why and what to do, in one line."""
