"""The chain: the only package that imports web3.

``base`` is what the steps see. ``evm`` and ``sender`` implement it over a node's JSON-RPC, ``memory`` over the
executable specification. ``deploy`` puts the contracts there.
"""
