"""What needs a second lead: one proposes it, another confirms just that (W3)."""
