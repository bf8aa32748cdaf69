"""The queue in a PostgreSQL database: all workers of all nodes that use it share one queue.

`spool.PostgreSQLSpool` is what others use; `adding`, `claiming`, `concluding`, `leases`, `destinations`, `records`
and `bodies` are its transactions, `rows` says how values lie in the tables. All of these run in pool threads.
"""
