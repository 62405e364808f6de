"""Who may hand in reports over HTTP.

registry     the sources that are registered: whose a key is, under which names it speaks
signatures   whether a request is signed by who knows the secret of its source
journal      what is remembered of a source for whoever asks how it does
"""
