"""The database: what a relayer or verifier knows, so that a restart continues where it was.

The only importer of ``sqlite3`` and ``psycopg``. Steps meet here: each reads what others wrote and writes what comes
of it. Laws:

1. What belongs together is committed together (:meth:`Store.transaction`), and a commit is on disk when it returns.
2. Whatever follows from the chain carries its block, and goes when that block is no longer the chain's.
3. The block cursor is written in the same commit as the events up to it, last: a crash replays the range, and
   writing anything twice changes nothing.
4. A deadline is a row, not a sleeping thread.
5. Processes may share a store: what was read before a transaction is read again in it where it decides.
"""

from .store import Store as Store
