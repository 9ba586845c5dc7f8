"""What kubeadm and the API server are told, and what they say: typed values to files, and error texts to sentences.

Everything here is pure but `discovery`, which issues a certificate, and `machine`, which runs programs. Documents are
JSON, which is YAML too: what a value holds can then never be read as anything but that value.
"""
