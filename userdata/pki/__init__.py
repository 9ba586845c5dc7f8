"""The cluster's keys and certificates: made with openssl, kept in SSM, written where kubeadm looks for them.

Keys are EC P-256: what is trusted and what signs fits many times into the 4 KB of an SSM parameter, and milliseconds
make a key. The leaves of control planes are kubeadm's own, and of another kind (userdata.kubeadm.cluster).
"""
