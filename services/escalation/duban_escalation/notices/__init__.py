"""The deliverer: what stands on ``duban.notices.v1`` goes to a signed webhook, or to the log where there is none.

handler        a batch of notices, taken in: from then on they wait
deliveries     which notices wait, and which are done with
deliverer      what waits is sent, in order per recipient, whatever the others do
platforms      the receivers of platforms, whose answers are receipts
callbacks      the sources that are told what becomes of their reports
webhook        the receiver: what its answers mean
signature      Standard Webhooks signatures
address_guard  no request to a private address
journal        the log, and a file
"""
