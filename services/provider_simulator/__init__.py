"""Behaves as the provider's API and webhooks are documented to behave, and keeps its own record of what it accepted."""
