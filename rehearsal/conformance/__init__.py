"""Kubernetes' own conformance tests on a rehearsed cluster: which run, what came of them, and the page that says so."""
