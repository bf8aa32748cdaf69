"""Hypothesis strategies, one function a notion of mail."""
