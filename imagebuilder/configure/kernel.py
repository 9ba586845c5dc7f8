"""Kernel settings and modules that Kubernetes needs."""

from __future__ import annotations

from imagebuilder.configure.tree import Entry, File

# overlay: containerd's snapshots. br_netfilter: a Service's rules see packets between pods of one bridge; networks that
# have no bridge, such as Cilium, do without. wireguard: Cilium encrypts with it what pods on two nodes send each other.
_MODULES = ("overlay", "br_netfilter", "wireguard")

_SETTINGS = {
    "net.ipv4.ip_forward": (1, "kubeadm's preflight asks for it"),
    "net.bridge.bridge-nf-call-iptables": (1, "see br_netfilter in modules-load.d"),
    "net.bridge.bridge-nf-call-ip6tables": (1, "see br_netfilter in modules-load.d"),
    "fs.inotify.max_user_instances": (8192, "the default of 128 is used up by some ten pods that watch files"),
    "fs.inotify.max_user_watches": (524288, "as above; the default depends on the machine's memory"),
    "vm.overcommit_memory": (1, "the kubelet checks it, and ends where it is another (protectKernelDefaults)"),
    "vm.panic_on_oom": (0, "as above: the kernel ends a process, and not the machine"),
    "kernel.keys.root_maxkeys": (1000000, "as above: containers of root take keys"),
    "kernel.keys.root_maxbytes": (25000000, "as above"),
    "kernel.panic": (10, "as above: restart ten seconds after a panic"),
    "kernel.panic_on_oops": (1, "as above"),
    "kernel.unprivileged_bpf_disabled": (1, "not to be undone before a reboot; Cilium's agent sets it, too"),
    "kernel.kptr_restrict": (
        1,
        "addresses only for CAP_SYSLOG, which Cilium's agent has; with 2 it could not read back",
    ),
    "kernel.dmesg_restrict": (1, "the kernel's log only for CAP_SYSLOG"),
    "kernel.yama.ptrace_scope": (1, "a process traces only those that it has started; root may trace all"),
}


def entries() -> dict[str, Entry]:
    """Read by systemd at boot."""
    lines = [f"# {why}\n{name} = {value}\n" for name, (value, why) in _SETTINGS.items()]
    return {
        "/etc/modules-load.d/holdfast.conf": File("".join(f"{name}\n" for name in _MODULES)),
        "/etc/sysctl.d/90-holdfast.conf": File("".join(lines)),
    }
