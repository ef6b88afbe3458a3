"""Every limit of the protocol and of a node, in one place: name, unit, reason. Nothing else may hold one."""

from __future__ import annotations

from typing import Final

DOCUMENT_BYTES: Final = 16 * 1024
"""Bytes of one document. A referral with all fields and two URLs of full length is under 12 KiB."""

MESSAGE_DOCUMENTS: Final = 100
"""Documents in one message: shares one post-quantum signature, and bounds the work of one opening."""

ENVELOPE_BYTES: Final = 1024 * 1024
"""Bytes of one sealed envelope: what a mailbox accepts in one request."""

PAGE_ENVELOPES: Final = 100
"""Envelopes in one page of a collect."""

PAGE_BYTES: Final = 4 * 1024 * 1024
"""Bytes of one page of a collect: bounds the memory of both ends."""

LONG_POLL_SECONDS: Final = 25
"""Seconds a collect may wait: below the usual 30 s idle time-out of proxies."""

URL_CHARS: Final = 4096
"""Characters of a URL. Clients in use cut at 255 or 512 and lose the rest."""

JSON_DEPTH: Final = 16
"""Nesting of arrays and objects. Our deepest object has 6."""

CLOCK_SKEW_SECONDS: Final = 60
"""Seconds by which two honest clocks may differ."""

REQUEST_WINDOW_SECONDS: Final = 300
"""Seconds between created and expires of a signed request; bounds how long a nonce is kept."""

NONCE_BYTES: Final = 16
"""Bytes of chance in a request nonce (128 bits)."""

MESSAGE_LIFE_SECONDS: Final = 30 * 86400
"""Seconds from iat to exp of a message, and how long an undelivered document is tried."""

TOMBSTONE_SECONDS: Final = MESSAGE_LIFE_SECONDS + 86400
"""Seconds a mailbox remembers an acknowledged envelope: past its message's life, so that it cannot return."""

FIRST_RETRY_SECONDS: Final = 5.0
"""Seconds before the first retry to a peer; doubles, with full jitter."""

MAX_RETRY_SECONDS: Final = 15 * 60.0
"""Ceiling of the back-off: a peer that returns is reached within a quarter of an hour."""

REFUSED_RETRY_FIRST_SECONDS: Final = 5 * 60.0
"""First back-off after an answer that says our request is wrong: alarmed at once, hurrying is useless."""

REFUSED_RETRY_MAX_SECONDS: Final = 60 * 60.0
"""Ceiling of that back-off."""

ASK_AFTER_SECONDS: Final = 60 * 60
"""Seconds without a receipt after which the mailbox host is asked whether it still has the envelope."""

RECEIPT_PAUSE_SECONDS: Final = 60
"""Seconds before a receipt of ours goes out again: whoever repeats a document faster has it on its way."""

TIMELINE_EVENTS: Final = 250
"""Events of one referral that others may tell: an honest one has a dozen; each is folded with the others."""

WAITING_DOCUMENTS: Final = 32
"""Documents of one member that may wait here for one referral: all are read when it comes."""

ALARM_AFTER_SECONDS: Final = 24 * 60 * 60
"""Seconds without a receipt after which people are told."""

ENVELOPE_REFUSALS_ALARM: Final = 3
"""Refusals of our envelopes by one peer after which people are told."""

SUBMISSION_LINES: Final = 1000
"""Referrals in one submitting request: one transaction."""

IDEMPOTENCY_SECONDS: Final = 30 * 86400
"""Seconds an Idempotency-Key is kept."""

CARD_LIFE_SECONDS: Final = 45 * 86400
"""Seconds a key card is valid: bounds what one stolen seed opens."""

CARD_ROTATE_SECONDS: Final = 30 * 86400
"""Age in seconds at which the node makes a new encryption key: leaves 15 days for senders to notice."""

CARD_KEY_YOUNG_SECONDS: Final = 86400
"""Age in seconds up to which a registration's card is made over the newest key: a day of registrations leaves
one seed."""

SEED_KEEP_SECONDS: Final = 30 * 86400
"""Seconds an encryption seed outlives its card: the life of a message sealed to it at the last moment."""

REGISTRY_REFRESH_SECONDS: Final = 60
"""Seconds between looks at the registry: how soon a suspension takes effect."""

REGISTRY_LIFE_SECONDS: Final = 14 * 86400
"""Seconds from the signing of the registry's daily part to its expiry: a missed week is no loss."""

REGISTRY_LIFE_SPARE_SECONDS: Final = 86400
"""Seconds by which a daily part may live longer than that: the clock of who signed it may be ahead."""

REGISTRY_GRACE_SECONDS: Final = 7 * 86400
"""Seconds after the registry's expiry during which a node still sends to members that it knew."""

BODY_DEADLINE_SECONDS: Final = 30
"""Seconds within which a request body must have arrived: a stalled body would stay open for ever."""

KEEPALIVE_SECONDS: Final = 15
"""Seconds an idle connection stays open."""

PENDING_ENVELOPES_PER_DAY: Final = 100
"""Envelopes of one pending member in one mailbox in a day: its tests, and its receipts for ours. An honest
one needs a handful; each leaves a row here for a month."""

PENDING_TESTS_PER_DAY: Final = 50
"""Tests of one pending member that are taken in a day, however they are packed: each is kept for weeks, and
its journal entry for ever."""

TEST_KEEP_SECONDS: Final = 45 * 86400
"""Seconds that tests are kept: past the life of their message, so that none comes again."""

QUARANTINE_PER_DEPOSITOR: Final = 1000
"""Quarantined items kept per depositor in that time: a hostile peer cannot fill the disk with them."""

QUARANTINE_SECONDS: Final = MESSAGE_LIFE_SECONDS
"""Seconds for which a quarantined item counts against its depositor."""

MAILBOX_BYTES: Final = 1024 * 1024 * 1024
"""Bytes of waiting envelopes in one mailbox (507 beyond): some 100,000 single-document envelopes."""

RECEIPT_ENTRIES: Final = 100
"""Entries of one receipt: those of a full message."""

CHAIN_MEMBERS: Final = 8
"""Members in the chain of holders of one referral."""

ANSWER_SECONDS: Final = 30
"""Seconds within which a peer must have answered a request that does not wait: silence costs no more."""

ANSWER_BYTES: Final = 64 * 1024
"""Bytes of a small answer (problem details, service facts) that we read from a peer."""

CARD_BYTES: Final = 32 * 1024
"""Bytes of a key card: an X-Wing key and two signatures, one of them 3,309 bytes, make some 8 kB."""

PAGE_ANSWER_BYTES: Final = PAGE_BYTES + 64 * 1024
"""Bytes of a collect's answer: a full page, and the names and times around a hundred envelopes."""

CARD_RETIRED: Final = 64
"""Retired kids that one key card may name: the newest ones; a seed is gone 75 days after its card."""

REGISTRATION_BYTES: Final = 256 * 1024
"""Bytes of a registration: a member's file with many years' keys, a card, a signature by each."""

SIGNING_LIFE_SECONDS: Final = 730 * 86400
"""Seconds that a new signing entry is valid: two years, since changing it needs the administrators."""

HTTP_LIFE_SECONDS: Final = 365 * 86400
"""Seconds that a new http key is valid."""

CHALLENGE_BYTES: Final = 4 * 1024
"""Bytes of a challenge or a proof: a sealed secret makes some 1,700."""

REGISTRY_UNSEEN_SECONDS: Final = 15 * 60
"""Seconds after which a version that a member goes by, and that our mirrors do not show, is told: a mirror
that is copied from another may be as late."""

REGISTRY_MIRROR_SECONDS: Final = 60
"""Seconds one mirror has for its metadata, and again for its files: a slow one holds up no suspension."""

REGISTRY_FETCHES: Final = 8
"""Files asked of one mirror at once: 550 files at 50 ms each way take 4 s and not half a minute."""

REGISTRY_FILE_BYTES: Final = 5_000_000
"""Bytes of one file of the registry: 550 members need some 150 kB of targets metadata."""

REGISTRY_ROOT_BYTES: Final = 64 * 1024
"""Bytes of a root with its signatures: five administrators make some 5 kB; readers stop at 512,000, and one
who could not read a root would stand still for good.
"""

REGISTRY_AHEAD_SECONDS: Final = 86400
"""Seconds by which a min_card or a revocation may lie ahead of the clock of who looks at it: a card of that
time could not be made before, and the member would be cut off.
"""

DRAFT_BYTES: Final = 64 * 1024 * 1024
"""Bytes of a draft that travels: 300 new members, with their registrations, make some 20 MB."""

EVIDENCE_BYTES: Final = 48 * 1024 * 1024
"""Bytes of an evidence file: two lists of the registry of full length in base64url, and all the rest."""

EVIDENCE_PARTS: Final = 1000
"""Parts of an evidence file: a root for each week of twenty years would not fill it."""

EVIDENCE_LEAVES: Final = 65_536
"""Journal entries from a document's to the head that a peer holds: 2 MiB of digests in an evidence file."""
