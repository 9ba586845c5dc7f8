"""What the cluster table says, as a report for people and programs: on a node, and from outside. Pure."""
