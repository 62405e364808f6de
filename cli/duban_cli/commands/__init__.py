"""One module a command of ``duban``, or a group of them."""
