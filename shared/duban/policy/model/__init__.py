"""What a pack may say: one module a part of the document. Pure."""
