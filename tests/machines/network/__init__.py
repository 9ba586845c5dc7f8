"""The network of machines: real namespaces and packets."""
