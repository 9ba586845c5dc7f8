"""The machine image: its versions, what is configured in it, and the places where things are."""
