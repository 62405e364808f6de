"""What pages for people share, whichever process shows them: the look, its two languages, what a browser is given.

- :class:`duban.pages.look.PageLook`: templates, catalogues and static files, put together to pages.
- :mod:`duban.pages.words`: the languages, and what marks a text that is translated.
- :mod:`duban.pages.language`: in which language somebody reads.
- :mod:`duban.pages.mishap_page`: what people are shown where no page can be.
"""
