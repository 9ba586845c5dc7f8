"""`make bench`: how long generating and rehearsals take, how large what they make is, and what nodes cost."""
