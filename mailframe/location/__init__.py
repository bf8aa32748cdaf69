"""Where an account's mail is: at the store that the directory names, or at the one that its name falls on.

`interfaces` is what proxies and exchangers ask, `values` what a store is to them, `options` how they are configured.
"""
