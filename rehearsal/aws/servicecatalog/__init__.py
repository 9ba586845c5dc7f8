"""AWS Service Catalog of the local AWS: portfolios, products with versions, constraints, and launched products."""
