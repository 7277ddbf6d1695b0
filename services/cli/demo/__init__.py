"""The demo: a campaign from a CSV to replies, on a running stack, with its promises checked at the end."""
