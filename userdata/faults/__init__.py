"""Why something failed: sorted where it arises, by AWS's code, etcd's refusal, or what a command printed."""
