"""etcd's own disk: found by its EC2 device name, formatted if it is blank, mounted before anything of etcd starts."""
