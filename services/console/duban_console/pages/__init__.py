"""Pages for people, in the process of the API: what is theirs to see and to do, made by the server.

What a page shows is computed by pure modules (offers, forms, story, record_view), from records, a pack and an instant;
routes bring these together, and templates say how it looks.
"""
