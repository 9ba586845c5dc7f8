"""The probe: stands in the node program's place and proves the bed that the templates boot in."""
