"""The texts of one account in an SQLite file beside its catalogue.

`blocks` is how texts of many messages lie in one row; `index` keeps, finds and drops them.
"""
