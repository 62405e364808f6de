"""Evidence (固化证据): files under the SHA-256 of their bytes, by which the ledger speaks of them.

store      the rooms of a store, and what every store can do; there is no way to delete
folder     a store in a folder
place      which store a setting names
"""
