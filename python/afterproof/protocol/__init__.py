"""The protocol, pure: what a receipt, a batch, a verdict and a settlement *are*.

Laws of this package, kept by ``tests/unit/test_import_rules.py``:

1. Nothing here reads a clock, the environment, a disk or a network; time and randomness are arguments.
2. Nothing here imports the rest of Afterproof, nor web3 or a database. Cryptography is pure and welcome.
3. The same input gives the same bytes as the contracts do: whatever exists on both sides has a parity test.
4. A verdict is a value. Exceptions are for input that is not of the protocol at all (:class:`InvalidField`).
5. Data objects are frozen; they check their own shape and hold no behaviour that needs a second object.
"""
