"""What writes documents from the code and the tests; no service runs it."""
