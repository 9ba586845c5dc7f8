"""EC2 Image Builder of the local AWS: its resources, and builds that end as they would, but for what runs in them."""
