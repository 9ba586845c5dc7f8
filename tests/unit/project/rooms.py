"""The rooms of the repository: its top-level packages of code, the tests' own left out."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[3]
ROOMS = ("coordination", "deployment", "functions", "generator", "imagebuilder", "rehearsal", "userdata")
