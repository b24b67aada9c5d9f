"""RMA cases: a failed unit is replaced; everything that moves with it is rehearsed, done and undone."""
