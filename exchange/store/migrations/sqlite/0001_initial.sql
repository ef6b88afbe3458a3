-- The first schema of a node. Times are unix seconds (REAL); digests are lower-case hex; documents are bytes as they were signed.
-- Invariants live here: what a row may never be is a CHECK, what may never be twice is a key.

CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

-- Positions: one row per sequence, moved in the same transaction as what it numbers, so gap-free in commit order.
CREATE TABLE counters (
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL CHECK (value >= 0)
) STRICT;

-- What was handed in. A routed one lives on as its referral; the others keep their body until somebody decides.
CREATE TABLE submissions (
  id          TEXT PRIMARY KEY,
  token       TEXT NOT NULL,
  received_at REAL NOT NULL,
  state       TEXT NOT NULL CHECK (state IN ('routed', 'unroutable', 'domestic', 'dropped')),
  state_at    REAL NOT NULL,
  reason      TEXT,
  country     TEXT,
  referral_id TEXT UNIQUE,
  body        BLOB,
  CHECK ((state = 'routed') = (referral_id IS NOT NULL)),
  CHECK (state = 'routed' OR body IS NOT NULL)
) STRICT;
CREATE INDEX submissions_open ON submissions (state, id) WHERE state <> 'routed';

-- A case is one URL at one holder.
CREATE TABLE cases (
  id        TEXT PRIMARY KEY,
  url_key   BLOB NOT NULL UNIQUE CHECK (length(url_key) = 32),
  opened_at REAL NOT NULL
) STRICT;

CREATE TABLE referrals (
  sender      TEXT NOT NULL,
  id          TEXT NOT NULL,
  recipient   TEXT NOT NULL,
  direction   TEXT NOT NULL CHECK (direction IN ('sent', 'received')),
  digest      TEXT NOT NULL,
  state       TEXT NOT NULL CHECK (state IN ('sent', 'received', 'accepted', 'reassessed', 'with_police', 'on_hold',
              'with_provider', 'reappeared', 'moving', 'removed', 'unavailable', 'not_illegal', 'moved', 'declined',
              'returned', 'withdrawn', 'refused')),
  state_at    REAL NOT NULL,
  created_at  REAL NOT NULL,
  country     TEXT,
  case_id     TEXT REFERENCES cases (id),
  sender_case TEXT,
  priority    TEXT NOT NULL,
  tlp         TEXT NOT NULL,
  PRIMARY KEY (sender, id),
  CHECK ((direction = 'received') = (case_id IS NOT NULL))
) STRICT;
CREATE INDEX referrals_by_direction ON referrals (direction, id);
CREATE INDEX referrals_by_state ON referrals (direction, state, id);
CREATE INDEX referrals_by_case ON referrals (case_id) WHERE case_id IS NOT NULL;

-- The timeline of a referral, at either end. n counts from 1 without gap.
CREATE TABLE referral_events (
  sender      TEXT NOT NULL,
  referral_id TEXT NOT NULL,
  n           INTEGER NOT NULL CHECK (n >= 1),
  at          REAL NOT NULL,
  kind        TEXT NOT NULL,
  actor       TEXT NOT NULL,
  status      TEXT,
  reason      TEXT,
  document_id TEXT,
  event       TEXT,
  state       TEXT NOT NULL,
  note        TEXT,
  PRIMARY KEY (sender, referral_id, n),
  FOREIGN KEY (sender, referral_id) REFERENCES referrals (sender, id)
) STRICT, WITHOUT ROWID;

-- A node's own documents on their way. Exactly one state; bytes stay until retention erases them.
CREATE TABLE outbox (
  document_id   TEXT PRIMARY KEY,
  recipient     TEXT NOT NULL,
  type          TEXT NOT NULL,
  digest        TEXT NOT NULL,
  data          BLOB,
  size          INTEGER NOT NULL CHECK (size > 0),
  wants_receipt INTEGER NOT NULL CHECK (wants_receipt IN (0, 1)),
  state         TEXT NOT NULL CHECK (state IN ('waiting', 'deposited', 'received', 'dead')),
  state_at      REAL NOT NULL,
  created_at    REAL NOT NULL,
  attempt       TEXT,
  asked_at      REAL,
  alarmed_at    REAL,
  receipt_id    TEXT,
  dead_code     TEXT,
  CHECK (state <> 'waiting' OR data IS NOT NULL),
  CHECK (state <> 'received' OR (receipt_id IS NOT NULL AND wants_receipt = 1)),
  CHECK ((state = 'dead') = (dead_code IS NOT NULL))
) STRICT;
CREATE INDEX outbox_waiting ON outbox (recipient, document_id) WHERE state = 'waiting';
CREATE INDEX outbox_unreceipted ON outbox (state_at) WHERE state = 'deposited' AND wants_receipt = 1;
CREATE INDEX outbox_attempt ON outbox (attempt) WHERE state = 'deposited';
CREATE INDEX outbox_dead ON outbox (document_id) WHERE state = 'dead';
CREATE INDEX outbox_tests ON outbox (recipient, document_id) WHERE type = 'test/1';
CREATE INDEX outbox_open_age ON outbox (created_at) WHERE state IN ('waiting', 'deposited') AND wants_receipt = 1;

-- Delivery belongs to a peer, not to a document: one answer of its host delays all that waits for it.
CREATE TABLE peers (
  member          TEXT PRIMARY KEY,
  due_at          REAL NOT NULL,
  failures        INTEGER NOT NULL CHECK (failures >= 0),
  last_error      TEXT,
  last_error_at   REAL,
  last_success_at REAL,
  refusals        INTEGER NOT NULL CHECK (refusals >= 0),
  card_serial     INTEGER,
  card            BLOB,
  card_at         REAL
) STRICT;

-- What was sealed and deposited: enough to prove it and to ask for it, never the sealed bytes.
CREATE TABLE attempts (
  jti             TEXT PRIMARY KEY,
  recipient       TEXT NOT NULL,
  envelope_digest TEXT NOT NULL,
  deposited_at    REAL NOT NULL
) STRICT;

-- Signed manifests, sent and received: what makes a document provable.
CREATE TABLE manifests (
  sender    TEXT NOT NULL,
  jti       TEXT NOT NULL,
  recipient TEXT NOT NULL,
  jws       BLOB NOT NULL,
  at        REAL NOT NULL,
  PRIMARY KEY (sender, jti)
) STRICT;

-- Documents of others, once each. The first verdict stands.
CREATE TABLE inbox (
  sender      TEXT NOT NULL,
  document_id TEXT NOT NULL,
  digest      TEXT NOT NULL,
  type        TEXT NOT NULL,
  data        BLOB,
  manifest    TEXT NOT NULL,
  received_at REAL NOT NULL,
  verdict     TEXT NOT NULL CHECK (verdict IN ('received', 'refused')),
  code        TEXT,
  receipt_id  TEXT,
  PRIMARY KEY (sender, document_id),
  CHECK ((verdict = 'refused') = (code IS NOT NULL))
) STRICT;
CREATE INDEX inbox_by_time ON inbox (received_at);
CREATE INDEX inbox_tests ON inbox (sender, received_at) WHERE type = 'test/1';
CREATE INDEX inbox_tests_age ON inbox (received_at) WHERE type = 'test/1';

-- Documents that came before the one they speak of.
CREATE TABLE inbox_waiting (
  sender      TEXT NOT NULL,
  document_id TEXT NOT NULL,
  needs       TEXT NOT NULL,
  since       REAL NOT NULL,
  PRIMARY KEY (sender, document_id),
  FOREIGN KEY (sender, document_id) REFERENCES inbox (sender, document_id)
) STRICT;
CREATE INDEX inbox_waiting_needs ON inbox_waiting (sender, needs);

CREATE TABLE quarantine (
  id          TEXT PRIMARY KEY,
  kind        TEXT NOT NULL CHECK (kind IN ('envelope', 'document')),
  depositor   TEXT NOT NULL,
  jti         TEXT,
  document_id TEXT,
  digest      TEXT NOT NULL,
  code        TEXT NOT NULL,
  at          REAL NOT NULL,
  data        BLOB,
  released_at REAL
) STRICT;
CREATE INDEX quarantine_by_depositor ON quarantine (depositor, at);

-- Mailboxes that this node hosts, its own among them.
CREATE TABLE mailboxes (
  owner    TEXT PRIMARY KEY,
  epoch    TEXT NOT NULL,
  position INTEGER NOT NULL CHECK (position >= 0),
  bytes    INTEGER NOT NULL CHECK (bytes >= 0)
) STRICT;

CREATE TABLE envelopes (
  owner       TEXT NOT NULL REFERENCES mailboxes (owner),
  position    INTEGER NOT NULL CHECK (position >= 1),
  depositor   TEXT NOT NULL,
  jti         TEXT NOT NULL,
  digest      TEXT NOT NULL,
  received_at REAL NOT NULL,
  size        INTEGER NOT NULL CHECK (size > 0),
  data        BLOB NOT NULL,
  PRIMARY KEY (owner, position),
  UNIQUE (owner, depositor, jti)
) STRICT;

CREATE TABLE tombstones (
  owner     TEXT NOT NULL,
  depositor TEXT NOT NULL,
  jti       TEXT NOT NULL,
  digest    TEXT NOT NULL,
  until     REAL NOT NULL,
  PRIMARY KEY (owner, depositor, jti)
) STRICT, WITHOUT ROWID;
CREATE INDEX tombstones_until ON tombstones (until);

CREATE TABLE guest_cards (
  member TEXT PRIMARY KEY,
  serial INTEGER NOT NULL,
  card   BLOB NOT NULL
) STRICT;

CREATE TABLE nonces (
  keyid      TEXT NOT NULL,
  nonce      TEXT NOT NULL,
  expires_at REAL NOT NULL,
  PRIMARY KEY (keyid, nonce)
) STRICT, WITHOUT ROWID;
CREATE INDEX nonces_expire ON nonces (expires_at);

-- Encryption seeds, sealed to the node's age identity, each with the newest card that announces its public half.
-- Nothing new is taken for one that is retired; it opens what was under way.
CREATE TABLE seeds (
  kid          TEXT PRIMARY KEY,
  serial       INTEGER NOT NULL UNIQUE,
  sealed       BLOB,
  card         BLOB NOT NULL,
  created_at   REAL NOT NULL,
  card_exp     REAL NOT NULL,
  retired_at   REAL,
  destroyed_at REAL,
  CHECK ((sealed IS NULL) = (destroyed_at IS NOT NULL))
) STRICT;

-- Entries wait here unnumbered until the sequencer links them.
CREATE TABLE journal_pending (
  id    TEXT PRIMARY KEY,
  entry BLOB NOT NULL
) STRICT;

CREATE TABLE journal (
  log   TEXT NOT NULL,
  n     INTEGER NOT NULL CHECK (n >= 1),
  entry BLOB,
  leaf  BLOB NOT NULL CHECK (length(leaf) = 32),
  link  BLOB NOT NULL CHECK (length(link) = 32),
  PRIMARY KEY (log, n)
) STRICT;

-- Heads of other members' journals, as their signed manifests named them.
CREATE TABLE journal_anchors (
  member TEXT NOT NULL,
  log    TEXT NOT NULL,
  n      INTEGER NOT NULL CHECK (n >= 0),
  head   TEXT NOT NULL,
  at     REAL NOT NULL,
  PRIMARY KEY (member, log, n)
) STRICT;

CREATE TABLE registry_versions (
  version INTEGER PRIMARY KEY,
  digest  TEXT NOT NULL,
  seen_at REAL NOT NULL
) STRICT;

-- Versions beyond ours that members said they go by, until we have them.
CREATE TABLE registry_claims (
  member  TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  digest  TEXT NOT NULL,
  since   REAL NOT NULL,
  told_at REAL
) STRICT;

CREATE TABLE tokens (
  id         TEXT PRIMARY KEY,
  name       TEXT NOT NULL,
  secret     BLOB NOT NULL CHECK (length(secret) = 32),
  scopes     TEXT NOT NULL,
  created_at REAL NOT NULL,
  revoked_at REAL
) STRICT;

CREATE TABLE idempotency (
  token      TEXT NOT NULL,
  key        TEXT NOT NULL,
  request    TEXT NOT NULL,
  status     INTEGER NOT NULL,
  answer     BLOB NOT NULL,
  created_at REAL NOT NULL,
  PRIMARY KEY (token, key)
) STRICT;
CREATE INDEX idempotency_age ON idempotency (created_at);

-- What the member's people and systems read: one row for each thing that they should know.
CREATE TABLE feed (
  position    INTEGER PRIMARY KEY,
  at          REAL NOT NULL,
  kind        TEXT NOT NULL CHECK (kind IN ('referral', 'outcome', 'withdrawal', 'receipt', 'alarm')),
  member      TEXT,
  sender      TEXT,
  referral_id TEXT,
  document_id TEXT,
  code        TEXT,
  count       INTEGER NOT NULL CHECK (count >= 1)
) STRICT;
