"""Certificates and TLS contexts: loading, choosing by name, swapping without a restart."""
