"""The networks of machines: a VPC is a router namespace of its own, and its security groups are that router's rules."""
