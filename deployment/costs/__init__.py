"""What a cluster costs a month: its templates counted, times a table of prices. Nothing here asks AWS."""
