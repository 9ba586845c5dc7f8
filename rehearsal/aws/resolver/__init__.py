"""The local Route 53 Resolver: DNS Firewall and query logging. Endpoints, and rules that forward, are not played."""
