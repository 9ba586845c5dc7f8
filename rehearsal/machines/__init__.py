"""Machines that really run: what the local EC2 starts, with kernel namespaces of their own."""
