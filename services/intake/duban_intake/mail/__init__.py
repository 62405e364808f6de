"""The gateway of mail: mails of people as reports, from a mailbox and from a mail server that hands them over.

``python -m duban_intake.mail`` runs it.

consumes  IMAP: a mailbox, polled; LMTP: a mail server of the office's own;
          ``duban.sources.v1``: whose addresses those are
produces  ``duban.reports.v1``; what cannot be read, and what programs wrote, to the dead letters, sealed
reads     the receipts of intake, to find the report that an answer goes on with
owns      who wrote, as far as it goes into the vault; it never comes out here

    door     what becomes of a mail
    mailbox  a mailbox over IMAP, one call after the other
    poll     the mailbox again and again: each mail is moved once it is done with
    lmtp     mails that are handed over: each is answered once it is done with
    letter   opens a dead letter, for who has the key of the vault
"""
