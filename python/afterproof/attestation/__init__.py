"""Attestation off-chain: what an enclave's document says, and whether it holds.

Pure, as :mod:`afterproof.protocol` is: bytes in, values out; time is an argument. Of Afterproof it imports the
protocol alone (``tests/unit/test_import_rules.py``).

cbor            CBOR (RFC 8949) of the bounded form that enclaves write, and nothing else
document        an AWS Nitro attestation document: COSE_Sign1 (RFC 9052), parsed strictly
certificates    the X.509 certificates in it (RFC 5280)
binding         how a document speaks for a node's key, and carries a nonce
checks          the enumerated list of checks, and what may be asked: the contracts check the same list
chain_rules, document_rules   one function a check
verify, report  all checks of one document, and what is told of it
p384, p384_hints   what makes a signature on P-384 cheap to verify on-chain
proof           the calls that prove a document on-chain
claims          what a document says as a registry's claims, and the judge of a posted attestation
"""
