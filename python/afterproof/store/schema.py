"""The tables, as a list of migrations: the database's version is the number of those that it has had.

Never change a migration that was released: append one. Types are kept to what other databases have too. Numbers
that may exceed 63 bits (amounts in wei) are decimal text.

    settings    which chain, contracts and role the database belongs to
    cursor      one row: the block up to which the chain has been followed
    blocks      recent blocks that were a cursor once, to find where a reorganised chain left the old one
    epochs, nodes, node_ends, posted, voids      what the chain says, each with its block
    receipts    own lane: what was accepted, each at its sequence number
    sequences   own lane: the next number to give away
    promises    own lane: what was promised to whoever handed receipts in, one signature for each request
    closed      own lane: batches that were built and published, posted or not
    checks      verifier: what came of checking a posted batch
    verdicts    verifier: leaves to dispute and data to demand, and what came of it
    deadlines   what is to be done, and when: (time, action, subject)
"""

from typing import Final

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

MIGRATIONS: Final = (_FIRST, _PROMISES)
"""What brings a database from each version to the next."""
