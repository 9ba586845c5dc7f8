"""From the start of an instance to a member of the cluster: what to do is decided here, purely."""
