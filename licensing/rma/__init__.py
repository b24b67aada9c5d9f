"""RMA cases: a failed unit is replaced, and everything that moves because of it is shown, done and undone."""
