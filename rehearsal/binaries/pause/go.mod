module holdfast.rehearsal/pause

go 1.26.0
