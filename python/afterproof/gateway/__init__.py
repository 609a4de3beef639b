"""The fast path: serve a model, answer at once, sign a receipt for every answer.

digits, models    the embedded model, integer-exact, and its committed weights
tensors           the Open Inference Protocol's JSON, parsed and built; pure
answering         one request's bytes to one answer's bytes and its signed receipt; pure
app               the HTTP interface (Starlette)
spool, forward    receipts on their way to a relayer: kept on disk until one has taken them
server            a gateway as a process
client            asks a gateway and checks what it gets
"""
