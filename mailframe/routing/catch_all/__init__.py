"""Catch-alls with a guard: what comes to addresses that nobody has is counted, capped and reported."""
