"""The delivery journal: makes groups of small deliveries durable with one flush of one file.

`journal` tells how, and why nothing is lost; `records` is what its file looks like, `slots` whose file is whose,
`journalling` a delivering thread's journal in time. Putting back what the disk has lost is the maildrop's.
"""
