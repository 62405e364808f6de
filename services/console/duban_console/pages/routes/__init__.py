"""The routes of pages, one module a group of them."""
