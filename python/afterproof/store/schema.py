"""The tables, as a list of migrations: the database's version is the number of those that it has had.

Never change a migration that was released: append one. Types are kept to what other databases have too. Numbers
that may exceed 63 bits (amounts in wei) are decimal text.

    settings    which chain, contracts and role the database belongs to
    cursor      one row: the block up to which the chain has been followed
    blocks      recent blocks that were a cursor once, to find where a reorganised chain left the old one
    epochs, posted, faults, strikes      what the chain says, each with its block
    nodes, operators, measurements      the same: the registry's nodes with their keys, who runs them, which code may
    attestations, claims      the same: what was posted; an endorsement claims nothing
    attestation_changes      the same: attestations that were challenged or proven, or whose bond has gone
    subjects    the same: what an attestation hangs on: itself, a measurement, certificates
    ends        the same: from when a subject counts no more; the subjects of attestations, and nodes
    registry_terms  one row: what the registry goes by, which never changes
    runs        own lane: what was accepted: receipts at consecutive numbers, side by side in one row
    names       own lane: at which number receipts stand, by when they were issued and part of their hash
    emptied     own lane: numbers of receipts whose place the empty leaf took
    leaves      own lane: at which number the leaves of closed batches stand; those still open are not in it
    sequences   own lane: the next number to give away
    promises    own lane: what was promised to whoever handed receipts in, one signature for each request
    urgent      own lane: receipts that were handed in to be posted at once
    heartbeats  relayer: what nodes signed to say that they were alive, until nobody can ask for it any more
    closed      own lane: batches that were built and published, posted or not
    spending    own accounts: the transactions that were sent, and what they cost; a relayer's for a few days
    alerts      what was raised, and what of it was delivered
    ledger      verifier: the same as what the chain says: what accounts earned and lost
    checks      verifier: what came of checking a posted batch
    attestation_checks      verifier: what came of checking a posted attestation, and when to look at it again
    watched     verifier: promises of others, each opened at a number, and what was found of them
    verdicts    verifier: leaves to dispute and data to demand, and what came of it
    missing     verifier: tiles of which no data was had yet that is what was posted
    seen        verifier: where each receipt stands on its lane, for as long as it may be there twice
    demands     what the chain says: tiles that somebody demanded to be shown, and what came of it
    answers     the same: the halves that were shown; a verifier keeps their data
    deadlines   what is to be done, and when: (time, action, subject)
    broken      auditor: what the chain says: promises that were claimed as broken
    audited     auditor: what came of examining a posted batch, and by which block that can no longer change
    audit_seen  auditor: where the receipts of the batches under examination stand on their lanes
"""

from collections.abc import Callable
from typing import Any, Final

from .carried import carry_receipts

_FIRST: Final = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE cursor (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    number INTEGER NOT NULL, hash BLOB NOT NULL, timestamp INTEGER NOT NULL
);
CREATE TABLE blocks (number INTEGER PRIMARY KEY, hash BLOB NOT NULL, timestamp INTEGER NOT NULL);

CREATE TABLE epochs (
    epoch INTEGER PRIMARY KEY, starts_at INTEGER NOT NULL, terms TEXT NOT NULL, faults TEXT NOT NULL,
    block INTEGER NOT NULL
);
CREATE TABLE nodes (
    node BLOB PRIMARY KEY, public_key BLOB NOT NULL, starts_at INTEGER NOT NULL, operator BLOB NOT NULL,
    block INTEGER NOT NULL
);
CREATE TABLE node_ends (
    node BLOB NOT NULL, block INTEGER NOT NULL, log_index INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL, ends_at INTEGER NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (node, block, log_index)
);
CREATE TABLE posted (
    lane INTEGER NOT NULL, first_seq INTEGER NOT NULL, count INTEGER NOT NULL,
    root BLOB NOT NULL, header BLOB NOT NULL, tile_roots BLOB NOT NULL, data_uri TEXT NOT NULL,
    tx_hash BLOB NOT NULL, block INTEGER NOT NULL, timestamp INTEGER NOT NULL,
    final_at INTEGER, final_block INTEGER,
    PRIMARY KEY (lane, first_seq)
);
CREATE INDEX posted_block ON posted (block);
CREATE TABLE voids (
    lane INTEGER NOT NULL, first_seq INTEGER NOT NULL, place INTEGER NOT NULL,
    kind INTEGER NOT NULL, prover BLOB NOT NULL, slashed TEXT NOT NULL,
    tx_hash BLOB NOT NULL, block INTEGER NOT NULL, timestamp INTEGER NOT NULL,
    PRIMARY KEY (lane, first_seq, place)
);

CREATE TABLE receipts (
    issued_at INTEGER NOT NULL, receipt_hash BLOB NOT NULL,
    lane INTEGER NOT NULL, seq INTEGER NOT NULL, leaf_hash BLOB NOT NULL, words BLOB NOT NULL,
    signature BLOB NOT NULL, scheme TEXT NOT NULL, received_at INTEGER NOT NULL,
    emptied INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (issued_at, receipt_hash)
) WITHOUT ROWID;
CREATE UNIQUE INDEX receipts_place ON receipts (lane, seq);
CREATE INDEX receipts_leaf ON receipts (leaf_hash);
CREATE TABLE sequences (lane INTEGER PRIMARY KEY, next_seq INTEGER NOT NULL);
CREATE TABLE closed (
    lane INTEGER NOT NULL, first_seq INTEGER NOT NULL, count INTEGER NOT NULL,
    root BLOB NOT NULL, tile_roots BLOB NOT NULL, data_uri TEXT NOT NULL,
    reason TEXT NOT NULL, closed_at INTEGER NOT NULL,
    PRIMARY KEY (lane, first_seq)
);

CREATE TABLE checks (
    lane INTEGER NOT NULL, first_seq INTEGER NOT NULL, state TEXT NOT NULL, why TEXT NOT NULL,
    attempts INTEGER NOT NULL, accepted INTEGER NOT NULL, void INTEGER NOT NULL, disputed INTEGER NOT NULL,
    at INTEGER NOT NULL, block INTEGER NOT NULL,
    PRIMARY KEY (lane, first_seq)
);
CREATE TABLE verdicts (
    lane INTEGER NOT NULL, first_seq INTEGER NOT NULL, place INTEGER NOT NULL, what TEXT NOT NULL,
    kind INTEGER NOT NULL, evidence BLOB NOT NULL, words BLOB NOT NULL, signature BLOB NOT NULL,
    proof BLOB NOT NULL, state TEXT NOT NULL, why TEXT NOT NULL, attempts INTEGER NOT NULL,
    next_at INTEGER NOT NULL, tx_hash BLOB, fee TEXT, reward TEXT, settled_block INTEGER,
    PRIMARY KEY (lane, first_seq, place, what)
);
CREATE TABLE deadlines (
    time INTEGER NOT NULL, action TEXT NOT NULL,
    lane INTEGER NOT NULL, first_seq INTEGER NOT NULL, place INTEGER NOT NULL,
    PRIMARY KEY (time, action, lane, first_seq, place)
);
"""

_PROMISES: Final = """
CREATE TABLE promises (
    lane INTEGER NOT NULL, first_seq INTEGER NOT NULL, count INTEGER NOT NULL,
    root BLOB NOT NULL, include_by INTEGER NOT NULL, beneficiary BLOB NOT NULL, signature BLOB NOT NULL,
    PRIMARY KEY (lane, first_seq)
);
"""

_FAULTS: Final = """
CREATE TABLE faults (
    lane INTEGER NOT NULL, first_seq INTEGER NOT NULL, place INTEGER NOT NULL, kind INTEGER NOT NULL,
    prover BLOB NOT NULL, slashed TEXT NOT NULL,
    tx_hash BLOB NOT NULL, block INTEGER NOT NULL, timestamp INTEGER NOT NULL,
    PRIMARY KEY (lane, first_seq, place, kind)
);
CREATE TABLE strikes (
    lane INTEGER NOT NULL, first_seq INTEGER NOT NULL, tile INTEGER NOT NULL,
    block INTEGER NOT NULL, timestamp INTEGER NOT NULL,
    PRIMARY KEY (lane, first_seq, tile)
);
INSERT INTO faults SELECT * FROM voids;
DROP TABLE voids;
"""

_ATTESTATIONS: Final = """
DROP TABLE nodes;
DROP TABLE node_ends;
CREATE TABLE nodes (node BLOB PRIMARY KEY, public_key BLOB NOT NULL, block INTEGER NOT NULL);
CREATE TABLE operators (
    node BLOB NOT NULL, block INTEGER NOT NULL, log_index INTEGER NOT NULL,
    operator BLOB NOT NULL, payout BLOB NOT NULL,
    PRIMARY KEY (node, block, log_index)
);
CREATE TABLE measurements (
    measurement BLOB PRIMARY KEY, binding INTEGER NOT NULL, version TEXT NOT NULL, build TEXT NOT NULL,
    allowed_at INTEGER NOT NULL, block INTEGER NOT NULL
);
CREATE TABLE attestations (
    id INTEGER PRIMARY KEY, node BLOB NOT NULL, starts_at INTEGER NOT NULL, until INTEGER NOT NULL,
    poster BLOB NOT NULL, uri TEXT NOT NULL, posted_at INTEGER NOT NULL, block INTEGER NOT NULL,
    tx_hash BLOB NOT NULL
);
CREATE INDEX attestations_node ON attestations (node, until);
CREATE TABLE claims (
    id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, measurement BLOB NOT NULL, document_time INTEGER NOT NULL,
    attested_until INTEGER NOT NULL, document_hash BLOB NOT NULL, certificates BLOB NOT NULL,
    nonce BLOB NOT NULL, operator BLOB NOT NULL, payout BLOB NOT NULL, block INTEGER NOT NULL
);
CREATE TABLE attestation_changes (
    id INTEGER NOT NULL, block INTEGER NOT NULL, log_index INTEGER NOT NULL, timestamp INTEGER NOT NULL,
    what TEXT NOT NULL, account BLOB, starts_at INTEGER, deadline INTEGER, deposit TEXT,
    PRIMARY KEY (id, block, log_index)
);
CREATE TABLE subjects (
    id INTEGER NOT NULL, kind TEXT NOT NULL, subject BLOB NOT NULL, block INTEGER NOT NULL,
    PRIMARY KEY (id, kind, subject)
);
CREATE TABLE ends (
    kind TEXT NOT NULL, subject BLOB NOT NULL, block INTEGER NOT NULL, log_index INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL, ends_at INTEGER NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (kind, subject, block, log_index)
);
CREATE TABLE registry_terms (id INTEGER PRIMARY KEY CHECK (id = 1), terms TEXT NOT NULL);
DELETE FROM cursor;
DELETE FROM blocks;
"""
# The last two have the chain followed from the beginning again: what the old tables left out is in its events.

_ATTESTATION_CHECKS: Final = """
CREATE TABLE attestation_checks (
    id INTEGER PRIMARY KEY, state TEXT NOT NULL, why TEXT NOT NULL, document BLOB,
    first_at INTEGER NOT NULL, attempts INTEGER NOT NULL, next_at INTEGER, tx_hash BLOB, fee TEXT,
    block INTEGER NOT NULL
);
CREATE INDEX attestation_checks_next ON attestation_checks (next_at);
INSERT INTO attestation_checks (id, state, why, first_at, attempts, next_at, block)
    SELECT id, 'unknown', '', 0, 0, 0, block FROM claims WHERE EXISTS
        (SELECT 1 FROM settings WHERE name = 'role' AND value = 'verifier');
"""

_GATEWAYS: Final = """
CREATE TABLE urgent (lane INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (lane, seq));
CREATE TABLE heartbeats (
    round INTEGER NOT NULL, node BLOB NOT NULL, timestamp INTEGER NOT NULL, signature BLOB NOT NULL,
    received_at INTEGER NOT NULL, tx_hash BLOB,
    PRIMARY KEY (round, node)
);
"""

_SPENDING: Final = """
CREATE TABLE spending (
    tx_hash BLOB PRIMARY KEY, what TEXT NOT NULL, gas INTEGER NOT NULL, fee TEXT NOT NULL, at INTEGER NOT NULL
);
CREATE INDEX posted_time ON posted (lane, timestamp);
"""

_LOCALITY: Final = """
CREATE TABLE receipts_in_order (
    lane INTEGER NOT NULL, seq INTEGER NOT NULL, issued_at INTEGER NOT NULL, receipt_hash BLOB NOT NULL,
    leaf_hash BLOB NOT NULL, words BLOB NOT NULL, signature BLOB NOT NULL, scheme TEXT NOT NULL,
    received_at INTEGER NOT NULL, emptied INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (lane, seq)
) WITHOUT ROWID;
INSERT INTO receipts_in_order
    SELECT lane, seq, issued_at, receipt_hash, leaf_hash, words, signature, scheme, received_at, emptied
    FROM receipts ORDER BY lane, seq;
CREATE TABLE leaves (
    leaf_hash BLOB PRIMARY KEY, lane INTEGER NOT NULL, seq INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO leaves SELECT leaf_hash, lane, seq FROM receipts WHERE seq <
    (SELECT first_seq + count FROM closed WHERE closed.lane = receipts.lane ORDER BY first_seq DESC LIMIT 1)
    ORDER BY leaf_hash;
DROP TABLE receipts;
ALTER TABLE receipts_in_order RENAME TO receipts;
CREATE UNIQUE INDEX receipts_hash ON receipts (issued_at, receipt_hash);
"""
# A commit writes the pages that it changes: rows go to the end of the table, and what is in random order is small (the
# hash among those of its second), or is written as batches close (the leaves).

_DEMANDS: Final = """
CREATE TABLE demands (
    lane INTEGER NOT NULL, first_seq INTEGER NOT NULL, tile INTEGER NOT NULL,
    challenger BLOB NOT NULL, deposit TEXT NOT NULL, opened_at INTEGER NOT NULL, deadline INTEGER NOT NULL,
    block INTEGER NOT NULL, answered_at INTEGER, answered_block INTEGER,
    slashed TEXT, expired_block INTEGER,
    PRIMARY KEY (lane, first_seq, tile)
);
CREATE TABLE answers (
    lane INTEGER NOT NULL, first_seq INTEGER NOT NULL, tile INTEGER NOT NULL, half INTEGER NOT NULL,
    answerer BLOB NOT NULL, data BLOB, timestamp INTEGER NOT NULL, block INTEGER NOT NULL,
    PRIMARY KEY (lane, first_seq, tile, half)
);
CREATE TABLE missing (
    lane INTEGER NOT NULL, first_seq INTEGER NOT NULL, tile INTEGER NOT NULL,
    since INTEGER NOT NULL, why TEXT NOT NULL,
    PRIMARY KEY (lane, first_seq, tile)
);
CREATE TABLE seen (
    lane INTEGER NOT NULL, issued_at INTEGER NOT NULL, receipt BLOB NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (lane, issued_at, receipt, seq)
) WITHOUT ROWID;
CREATE INDEX posted_open ON posted (lane, timestamp) WHERE final_at IS NULL;
CREATE TABLE verdicts_by_kind (
    lane INTEGER NOT NULL, first_seq INTEGER NOT NULL, place INTEGER NOT NULL, what TEXT NOT NULL,
    kind INTEGER NOT NULL, evidence BLOB NOT NULL, words BLOB NOT NULL, signature BLOB NOT NULL,
    proof BLOB NOT NULL, state TEXT NOT NULL, why TEXT NOT NULL, attempts INTEGER NOT NULL,
    next_at INTEGER NOT NULL, tx_hash BLOB, fee TEXT, reward TEXT, settled_block INTEGER,
    PRIMARY KEY (lane, first_seq, place, what, kind)
);
INSERT INTO verdicts_by_kind SELECT * FROM verdicts WHERE what = 'dispute';
DROP TABLE verdicts;
ALTER TABLE verdicts_by_kind RENAME TO verdicts;
ALTER TABLE attestation_checks ADD COLUMN root BLOB;
DELETE FROM checks;
DELETE FROM cursor;
DELETE FROM blocks;
"""
# The chain is followed from the beginning again for its demands, and what is there is checked again, tile by tile.

_WATCHED: Final = """
CREATE TABLE watched (
    id BLOB PRIMARY KEY, lane INTEGER NOT NULL, seq INTEGER NOT NULL, leaf_hash BLOB NOT NULL,
    first_seq INTEGER NOT NULL, count INTEGER NOT NULL, root BLOB NOT NULL, include_by INTEGER NOT NULL,
    beneficiary BLOB NOT NULL, signature BLOB NOT NULL, proof BLOB NOT NULL,
    client TEXT NOT NULL, received_at INTEGER NOT NULL,
    fate TEXT NOT NULL, why TEXT NOT NULL, due INTEGER NOT NULL, last INTEGER NOT NULL,
    next_at INTEGER, attempts INTEGER NOT NULL, block INTEGER NOT NULL,
    other BLOB NOT NULL, path BLOB NOT NULL
);
CREATE INDEX watched_number ON watched (lane, seq);
CREATE INDEX watched_next ON watched (next_at);
CREATE INDEX watched_client ON watched (client);
"""

_AUDITS: Final = """
CREATE TABLE broken (
    block INTEGER NOT NULL, log_index INTEGER NOT NULL, lane INTEGER NOT NULL, seq INTEGER NOT NULL,
    fault INTEGER NOT NULL, beneficiary BLOB NOT NULL, caller BLOB NOT NULL, slashed TEXT NOT NULL,
    tx_hash BLOB NOT NULL, timestamp INTEGER NOT NULL,
    PRIMARY KEY (block, log_index)
);
CREATE INDEX broken_number ON broken (lane, seq);
CREATE TABLE audited (
    lane INTEGER NOT NULL, first_seq INTEGER NOT NULL, root BLOB NOT NULL, complete INTEGER NOT NULL,
    settled INTEGER NOT NULL, as_of INTEGER NOT NULL, findings TEXT NOT NULL,
    PRIMARY KEY (lane, first_seq)
);
CREATE TABLE audit_seen (
    lane INTEGER NOT NULL, issued_at INTEGER NOT NULL, receipt BLOB NOT NULL, seq INTEGER NOT NULL,
    stands INTEGER NOT NULL,
    PRIMARY KEY (lane, issued_at, receipt, seq)
) WITHOUT ROWID;
"""

_LEDGER: Final = """
ALTER TABLE spending ADD COLUMN account BLOB;
ALTER TABLE spending ADD COLUMN number INTEGER;
ALTER TABLE spending ADD COLUMN lane INTEGER;
ALTER TABLE spending ADD COLUMN seq INTEGER;
ALTER TABLE spending ADD COLUMN place INTEGER;
ALTER TABLE spending ADD COLUMN attestation INTEGER;
ALTER TABLE spending ADD COLUMN block INTEGER;
ALTER TABLE spending ADD COLUMN reverted INTEGER NOT NULL DEFAULT 0;
UPDATE spending SET block = 0;
CREATE INDEX spending_number ON spending (account, number);
CREATE TABLE ledger (
    block INTEGER NOT NULL, log_index INTEGER NOT NULL, account BLOB NOT NULL, kind TEXT NOT NULL,
    what TEXT NOT NULL, amount TEXT NOT NULL, lane INTEGER, seq INTEGER, place INTEGER, attestation INTEGER,
    tx_hash BLOB NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (block, log_index, account, kind)
);
CREATE INDEX ledger_account ON ledger (account, at);
CREATE INDEX verdicts_state ON verdicts (state);
CREATE TABLE alerts (
    owner TEXT NOT NULL, name TEXT NOT NULL, subject TEXT NOT NULL, severity TEXT NOT NULL,
    summary TEXT NOT NULL, fields TEXT NOT NULL, since INTEGER NOT NULL, status TEXT NOT NULL, told_at INTEGER,
    PRIMARY KEY (owner, name, subject)
);
DELETE FROM blocks WHERE EXISTS (SELECT 1 FROM settings WHERE name = 'role' AND value = 'verifier');
DELETE FROM cursor WHERE EXISTS (SELECT 1 FROM settings WHERE name = 'role' AND value = 'verifier');
"""
# A verifier follows the chain from the beginning again, for what it earned; nothing else changes by that.


_RUNS: Final = """
CREATE TABLE runs (
    lane INTEGER NOT NULL, first_seq INTEGER NOT NULL, count INTEGER NOT NULL,
    received_at INTEGER NOT NULL, scheme TEXT NOT NULL,
    words BLOB NOT NULL, signatures BLOB NOT NULL, leaf_hashes BLOB NOT NULL,
    PRIMARY KEY (lane, first_seq)
) WITHOUT ROWID;
CREATE TABLE names (
    issued_at INTEGER NOT NULL, name INTEGER NOT NULL, twin INTEGER NOT NULL,
    lane INTEGER NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (issued_at, name, twin)
) WITHOUT ROWID;
CREATE TABLE emptied (lane INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (lane, seq));
"""
# Intake writes a row for each commit, and of each receipt a few integers, which drivers hand over fastest.

Migration = str | Callable[[Any], None]
"""Statements, or what is told the database: it is not to depend on anything that may change."""

_KEYS: Final = """
DELETE FROM seen;
INSERT INTO deadlines (time, action, lane, first_seq, place)
    SELECT posted.timestamp, 'check', posted.lane, posted.first_seq, 0 FROM posted
    JOIN checks ON checks.lane = posted.lane AND checks.first_seq = posted.first_seq
    WHERE posted.final_at IS NULL ON CONFLICT DO NOTHING;
DELETE FROM checks WHERE EXISTS (
    SELECT 1 FROM posted WHERE posted.lane = checks.lane AND posted.first_seq = checks.first_seq
    AND posted.final_at IS NULL
);
DELETE FROM audit_seen;
"""
# Receipts are told apart by another key. What may still be disputed is checked again, and they are found by it then.

MIGRATIONS: Final[tuple[Migration, ...]] = (
    _FIRST, _PROMISES, _FAULTS, _ATTESTATIONS, _ATTESTATION_CHECKS, _GATEWAYS, _SPENDING, _LOCALITY,
    _DEMANDS, _WATCHED, _AUDITS, _LEDGER, _RUNS, carry_receipts, "DROP TABLE receipts", _KEYS,
)  # fmt: skip
"""What brings a database from each version to the next."""
