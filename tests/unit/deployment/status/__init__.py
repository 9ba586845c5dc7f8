"""`make status` and `make follow`."""
