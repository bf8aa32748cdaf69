"""What goes on: counters, health, logs, and the page that shows them.

`counters` makes the metrics that every room keeps (any room may import it); `page` serves them; `logs` writes
one line a transaction.
"""
