"""The only place of coordination that calls AWS: each module turns one service's answers into outcomes."""
