"""The full world of the storm: the local cloud, in which real instances boot real kubeadm, kubelet, etcd and agents.

`world` is the object that the storm plays with; `machines` reaches processes of instances from this computer, `account`
looks at the local AWS, `monitor` at etcd and at what programs tell of themselves (`storm_node` runs on the instances),
`network` is where clients are, `function` disturbs the reconcile function, `faults` makes the faults, and `settling`
says when all is well.
"""
