"""Auditing: the whole history of a deployment, or a part of it, examined anew from the chain and the published data.

run (follow the chain, examine batches in parallel, write down what was found) -> collect (the report). It judges with
the verifier's judge and follows the chain with the verifier's step; it acts on nothing.
"""
