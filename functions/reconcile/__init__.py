"""Decides what happens to the cluster's instances and, in the end, to the cluster.

Woken by whatever may have changed, a pass reads the whole state (`gather`), decides with one pure function (`core`),
carries the decisions out (`apply`), and returns. Nothing is remembered between passes but what the cluster table holds.
"""
