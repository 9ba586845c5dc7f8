"""What the local AWS can be told to play otherwise: each switch is what AWS does, or may do, to some of its users."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Site:
    """Every switch is off by default: a rehearsal would only wait longer, or AWS's behaviour is not known."""

    fresh_account: bool = False
    """The account never had an Auto Scaling group. The first CreateAutoScalingGroup makes the service-linked role, and
    the first launch fails because that role cannot be used yet."""
    sizes_go_back: bool = False
    """An update of a group whose template names no DesiredCapacity puts it back to MinSize. That CloudFormation leaves
    it as it is, which is what is played otherwise, no document promises."""
    processes_stay: bool = False
    """A rolling update resumes only the processes that it has suspended itself. Those that a failed one left suspended
    then stay so after the rollback; whether they do no document says."""
    slow_targets: bool = False
    """A balancer checks a new target only three minutes after its registration."""
