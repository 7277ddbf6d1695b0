"""The console's pages, for people: each a router of its own, on the verbs that the API and the command line have."""
