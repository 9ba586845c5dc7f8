"""Scenarios: what happens to a cluster of a rehearsal, step by step, while a client writes, and a picture of it.

The files beside this one (`*.yaml`) are the scenarios; `steps.py` says what may stand in one.
"""
