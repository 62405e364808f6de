"""The deliverer: what stands on ``duban.notices.v1`` goes to a signed webhook, or to the log where there is none.

handler    a batch of notices, each sent once, in order per recipient
webhook    the receiver: what its answers mean
signing    Standard Webhooks signatures
guarding   no request to a private address
journal    the log, and a file
deliveries which notices have gone out
"""
