"""etcd as its members see it: who belongs to it, who leads, and what it answers to a change of that."""
