"""The routes of the API, one module a kind of record."""
