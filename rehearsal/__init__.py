"""The stage, and not the product: a local AWS and local machines that play what the product needs.

Nothing here is deployed. `generator/`, `functions/`, `coordination/`, `userdata/` and `imagebuilder/` are the product,
and import nothing of this. docs/rehearsal.md tells what is real here and what stands in. Where to start reading:

- `cloud/local_cloud.py` wires it all together; `cloud/rehearse.py` and `local/steps.py` are what make runs of it.
- `aws/` is the local AWS: `server.py` answers requests, our own services are packages, `services/` is beside moto's.
- `machines/` are instances and their networks; `binaries/` builds what they run.
"""
