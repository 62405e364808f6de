"""What the router decides: a command on a record gives events, or a refusal with its reason. Pure."""
