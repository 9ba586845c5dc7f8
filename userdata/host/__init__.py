"""The machine under a node: programs, files, clock, systemd, instance metadata, etcd's disk, HTTPS requests."""
