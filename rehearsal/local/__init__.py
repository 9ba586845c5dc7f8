"""`make local`: a cluster's templates are deployed to the local AWS by the AWS CLI, looked at, and deleted again.

Everything here goes through programs and public APIs, as it would with a real account: nothing reaches into the local
AWS, and nothing is imported from the rooms whose work is rehearsed.
"""
