"""One act in a process of its own, killed or failing at a chosen step; see `test_kill`.

    python driver.py WORLD ACT STEP

Counts every system call that makes something durable or changes a folder, and every commit, and
kills the process before the one with number STEP. Without STEP it prints how many there are.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from keys.identity import Identity
from vault.model import Role
from vault.session import Session
from vault.store import Store

STEPS = [0]
last = int(sys.argv[3]) if len(sys.argv) > 3 else -1


def step() -> None:
    """Count one step, or die before it."""
    if STEPS[0] == last:
        os.kill(os.getpid(), signal.SIGKILL)
    STEPS[0] += 1


def counted(name: str) -> None:
    """Count the calls of a function of os."""
    real: Callable[..., Any] = getattr(os, name)

    def call(*args: Any, **settings: Any) -> Any:
        step()
        return real(*args, **settings)

    setattr(os, name, call)


for function in ("fsync", "link", "replace", "unlink", "mkdir"):
    counted(function)
event.listen(Engine, "commit", lambda _connection: step())
event.listen(Engine, "before_cursor_execute", lambda *_: step())

root = Path(sys.argv[1])
if sys.argv[2] == "migrate":
    store = Store(root)
    with store.write():
        pass
    store.close()
    print(STEPS[0])
    sys.exit()
name = "ben" if sys.argv[2] in {"get", "confirm", "replace"} else "ana"
identity = Identity(bytes.fromhex((root / f"{name}.seed").read_text()), name)
with Session.open(root / "vault", identity, root / "homes" / name) as session:
    STEPS[0] = 0
    (case,) = session.cases()
    if sys.argv[2] == "add":
        session.add([root / "new"], case.id)
    elif sys.argv[2] == "member":
        session.add_member((root / "new.contact").read_bytes(), [Role.ATTORNEY])
    elif sys.argv[2] == "rotate":
        session.rotate("members", "gate", case.id)
    elif sys.argv[2] == "rekey":
        session.renewals.rekey(case.id)
    elif sys.argv[2] == "reencrypt":
        session.renewals.reencrypt(case.id)
    elif sys.argv[2] in {"confirm", "replace"}:
        session.renewals.confirm(case.id)
    elif sys.argv[2] == "destroy":
        session.destroy([(root / "lost").read_text()])
    elif sys.argv[2] == "get":
        wanted = [listed.id for listed in session.records()]
        opened = session.release(wanted, "review")
        for got in opened:
            for _block in session.content(got):
                pass
        session.receive(opened)
print(STEPS[0])
