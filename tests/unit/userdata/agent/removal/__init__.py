"""Tests of what carries out operations."""
