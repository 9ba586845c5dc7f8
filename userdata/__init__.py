"""The node program, `holdfast-node`: a node founds or joins the cluster, and keeps itself joined.

This is not the user data of EC2: that is data, and the generator writes it. The image has this folder as a library, and
units of systemd start it.

Read this first: `program.py` (the four programs), `boot/wiring.py` (what a boot goes through), `boot/control_plane.py`
(how a control plane's boot does what `boot/decide.py` decides), `agent/task_list.py` (what an agent looks after).

The rooms, from the top; each imports only what stands below it (setup.cfg, contract node-programs):

- `status`: what a node believes, on one screen.
- `boot`, `agent`, `shipping`: from the start of an instance to a member of the cluster; what a control plane does from
  then on; how logs leave the node.
- `config`, `join`, `leases`: what a node is told of its cluster; what workers join by; claims and leases that are held.
- `addons`, `cloud`: add-ons; what a node asks of AWS for itself.
- `faults`: what a failure comes to, by AWS's code, etcd's refusal, or what a command printed.
- `etcd`: etcd's members and their health.
- `kube`: the Kubernetes API and kubectl.
- `kubeadm`: what kubeadm is told and what it says, and the static pods that it makes.
- `pki`: keys and certificates.
- `host`, `logs`: programs, files, clock and HTTPS of the machine; what a node says of what it does.
"""
