"""What runs on a node: it founds or joins the cluster, and keeps itself joined."""
