"""The cluster's add-ons: DNS, the pods' network and the autoscaler; what is installed of them, and installing it.

DNS, and kube-proxy where there is one, come from kubeadm. The rest comes from the image, as files with one `List` each.
`filling` and `content` are pure; `installing` runs kubectl and kubeadm on a control plane.
"""
