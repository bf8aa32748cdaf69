"""Change content on its way: trace fields here, signatures and list fields later.

A filter never refuses mail; that is `mailframe.policy`.
"""
