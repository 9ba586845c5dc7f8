"""The product of Service Catalog: its stack, and the versions that are published to it."""
