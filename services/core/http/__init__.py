"""HTTP as both of our servers speak it: connections with limits, bodies with a size, refusals in one form.

Only roles import it; it knows nothing of what they serve.
"""
