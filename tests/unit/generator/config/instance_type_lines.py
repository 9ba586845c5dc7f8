"""What is refused of instance types, and the lines that say so: YAML, then the line."""

from __future__ import annotations

EBS = "a type that can be EBS-optimized, such as m7i.large"
LINUX = "a type that runs Linux, such as m7i.large"
OLD = "a type whose processor Amazon Linux 2023 runs on, such as m7i.large"
INSTANCE_TYPES = [
    *((f"pools: [{{name: aa, instanceType: {each}}}]", f'pools[0].instanceType: given "{each}"; allowed: {allowed}')
      for each, allowed in (("t2.large", EBS), ("c3.large", EBS), ("mac2.metal", LINUX), ("m1.large", OLD),
                            ("a1.metal", OLD), ("t1.micro", OLD))),
    ("controlPlane: {instanceType: t2.large}", f'controlPlane.instanceType: given "t2.large"; allowed: {EBS}'),
    ("{hostResourceGroups: [hh], controlPlane: {tenancy: host, hostResourceGroup: hh, instanceType: m7i-flex.large}}",
     'controlPlane.instanceType: given "m7i-flex.large"; allowed: a family that EC2 offers with tenancy host, such as '
     "m7i"),
    ("{hostResourceGroups: [hh], controlPlane: {tenancy: host, hostResourceGroup: hh, instanceType: mac2-m2.metal}}",
     f'controlPlane.instanceType: given "mac2-m2.metal"; allowed: {LINUX}'),
]  # fmt: skip
