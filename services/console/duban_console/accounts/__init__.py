"""Who may sign in, with which roles: accounts, sessions, keys of systems, and the log of all that."""
