"""Mail that was accepted and has not gone on: what is held until somebody has looked at it."""
