"""Everything that outlives a run: SQLAlchemy Core over SQLite or PostgreSQL.

One class a noun, each over the same :class:`Database`; every public call is one transaction. Times
are aware; ``now`` is always the caller's. Drivers' exceptions leave as ``StoreError``.
"""

from .articles import Stored
from .editions import History
from .leases import Claim, Outcome, Recovered
from .slots import SlotState
from .store import Store, open_store
from .subscribers import ConsentEvent, Turn, address_hash

__all__ = [
    "Claim",
    "ConsentEvent",
    "History",
    "Outcome",
    "Recovered",
    "SlotState",
    "Store",
    "Stored",
    "Turn",
    "address_hash",
    "open_store",
]
