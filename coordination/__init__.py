"""What the nodes and the reconcile function share: the cluster table's items and the rules over them.

Everything here is pure (standard library only) except `adapters`, which alone calls AWS.
"""
