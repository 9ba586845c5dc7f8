"""Where calls from inside a VPC lead, without a VPC."""
