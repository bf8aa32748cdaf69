"""Processes of a node, real ones where it matters."""
