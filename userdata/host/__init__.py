"""The machine under a node: programs, files, clock, systemd, metadata, etcd's disk, and the way out by HTTPS."""
