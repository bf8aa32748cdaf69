"""Roles: what they are made of, and that they start and stop."""
