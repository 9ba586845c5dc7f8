"""The data path of one network load balancer: a process of its own, which imports nothing of the local AWS."""
