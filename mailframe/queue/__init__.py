"""Mail that was accepted and has not gone on: kept, tried again, held until somebody has looked, given back."""
