"""Everything that outlives a run: SQLAlchemy Core over SQLite or PostgreSQL.

One class a noun, each over the same :class:`Database`; every public call is one transaction. Times
are aware; ``now`` is always the caller's. Drivers' exceptions leave as ``StoreError``.
"""

from .articles import Stored as Stored
from .editions import History as History
from .leases import Claim as Claim
from .leases import Outcome as Outcome
from .slots import SlotState as SlotState
from .store import Store as Store
from .store import open_store as open_store
from .subscribers import ConsentEvent as ConsentEvent
from .subscribers import Turn as Turn
from .subscribers import address_hash as address_hash
