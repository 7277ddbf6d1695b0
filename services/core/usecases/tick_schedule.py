"""One tick of the clock: record what fell due since the last one, then hand the due runs to the workers.

The transaction is the schedule: rows and the point planned so far move together, under a term that the same
transaction holds locked. So a tick that dies anywhere is repeated whole, and two leaders cannot both write.
"""
