"""A person's own assistant asks the API as that person, by the Model Context Protocol: it looks, and does nothing."""
