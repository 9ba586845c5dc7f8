"""The local AWS's own Auto Scaling service: groups, lifecycle hooks, activities and the worker that moves instances.

`model` says what a group is, `planning` what it lacks, `hooks` how a lifecycle action waits, `launching` how an
instance is started, `health` which ones EC2 says are not well, `worker` carries it out, and `api` answers the requests.
"""
