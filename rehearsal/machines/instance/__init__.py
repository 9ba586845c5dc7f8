"""An instance: kernel namespaces, control groups and disks of its own, and a real systemd as its first process."""
