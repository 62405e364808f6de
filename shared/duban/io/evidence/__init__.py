"""Evidence (固化证据): files under the SHA-256 of their bytes, by which the ledger speaks of them.

    store           the rooms of a store, and what every store can do; there is no way to delete
    folder, bucket  a store in a folder, and one in a bucket of S3
    desk            where files come in: their type, their hash, what a scanner says of them, the copy that may be shown
    file_type       what a file is, by its bytes
    scanner         looking for viruses
    published_copy  copies without metadata, made in a process of its own
    uploads         uploads that are not finished
    tus             the routes by which they come
    form_files      files that come with a form
    keeper          what goes on beside the requests
    reception       all of it, as the settings say

It belongs to no service: the gateway, the API and the commands take files by it.
"""
