"""The support desk's own pages, beside those of Django's admin: search, units, corrections, RMA, import."""
