"""The gate: the only writer.

Whatever changes a vault is a message to the gate. Inside one write transaction it

1. catches up with the log and checks that the stored right edge reproduces the signed head;
2. judges the message against the authority;
3. appends it, with its own note beside it, and signs the new head;
4. only then acts: keeps a deposit, or releases its share of a record's key.

A refusal is appended too. Nothing is released before the transaction has committed. Embedded, the
gate is an object in the member's own process and signs with that member's device.

`core` is the gate itself; `deposits`, `requests`, `releases` and `destructions` are what it does
for each kind of act. `heads` keeps what comes back from outside and is in no log.
"""

from vault.gate.core import LEVEL, Clock, Gate, Turn, found, gate_note, seal_statement

__all__ = ["LEVEL", "Clock", "Gate", "Turn", "found", "gate_note", "seal_statement"]
