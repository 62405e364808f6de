"""The deliverer: what stands on ``duban.notices.v1`` goes to a signed webhook, or to the log, and to people's contacts.

handler        a batch of notices, taken in: from then on they wait
deliveries     which notices wait, and which are done with
deliverer      what waits is sent, in order per recipient, whatever the others do
platforms      the receivers of platforms, whose answers are receipts
callbacks      the sources that are told what becomes of their reports
contacts       what is for people, by the channel that each contact names
channels_file  the robots, the gateway of short messages, and the secrets that sign to contacts
digests        what was held for somebody's quiet hours, as one message
mail, robots, sms, personal_webhook   the channels
paced_client   posts, no faster than a robot or the gateway bears
message_text   what a notice says to people
undelivered    what the office is told of a notice that did not arrive
webhook        the receiver: what its answers mean
signature      Standard Webhooks signatures
address_guard  no request to a private address
journal        the log, and a file
"""
