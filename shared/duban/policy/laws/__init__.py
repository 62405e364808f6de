"""The laws of a pack: what must hold between its entries. Pure."""
