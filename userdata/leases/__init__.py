"""Claims and leases in the cluster table: taken, renewed by a thread for as long as they are needed, and released."""
