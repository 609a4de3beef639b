"""Tests, and what they stand on."""

import os

# The EVM hashes a lot, and eth_hash would take its slowest backend: chosen here, before anything hashes.
os.environ.setdefault("ETH_HASH_BACKEND", "pysha3")
