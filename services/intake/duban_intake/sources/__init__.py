"""Who may hand in reports over HTTP.

registry   the sources that are registered: whose a key is, under which names it speaks
pace       how many reports a source may hand in
"""
