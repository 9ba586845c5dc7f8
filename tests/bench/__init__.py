"""`make bench`: how long generating and a rehearsal take, and how large what they make is."""
