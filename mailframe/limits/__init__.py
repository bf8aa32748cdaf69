"""How much anybody may have: things open now, amounts in a window of time, failures in a row.

`mailframe.limits.interfaces.ITallies` counts, in one process (`mailframe.limits.memory`) or over all workers of a
node (`mailframe.limits.shared`). What is counted, and what becomes of who has too much, is for those who ask.
"""
