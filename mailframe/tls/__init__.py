"""Certificates and TLS contexts for servers: chosen by name, swapped while running.

`server` keeps the contexts, `options` says which files, `development` makes a certificate for a first run.
"""
