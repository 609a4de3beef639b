"""Afterproof: AI answers at once, proof after, settled for good on an EVM chain.

The whole product in one line, each word a place in this package:

    answer -> receipt -> intake -> batch -> post -> watch -> dispute | finalise -> query
"""

__version__ = "0.1.0"
