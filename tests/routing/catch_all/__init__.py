"""Catch-alls and their guard."""
