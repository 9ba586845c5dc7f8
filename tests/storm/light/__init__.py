"""The light world: real etcd, the real node program and the real function, on the loopback of one computer.

Real are etcd (one process for each instance, with certificates on both sides), everything in `coordination/`,
`userdata/boot`, `userdata/agent` and `functions/reconcile` with their adapters, and boto3. The local AWS
(rehearsal/aws) plays the table, Auto Scaling, EC2, SSM, the balancer's registrations and CloudFormation, with the slots
of the generated template.

Stand-ins, each of which says what of the real thing it plays: kubeadm (`kubeadm`), the kubelet, systemd and EC2's
hypervisor (`hypervisor`), containerd and the API servers (`node`), Lambda and EventBridge (`caller`), the network
between members (`relay`).

All programs of ours run `clock.SPEED` times as fast as real time, and what they wait for longest is shortened (`pace`).
"""
