"""Stores evidence: files become containers, labels and particulars, and one signed deposit.

A deposit is one act: everything in it is stored or nothing. Files are read once; small containers
share packs, large ones are blobs of their own; rows wait in a nameless file, so memory does not
grow with the number of records. Nothing here needs a key that reads the case.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from keys.derive import Label, u64
from keys.group import Epoch
from vault import fields, ids, intake, message, recordkeys
from vault.authority import Authority, secret_recipients
from vault.errors import DeniedError
from vault.fields import Fields
from vault.intake import Opened, Source
from vault.log import merkle
from vault.message import Message
from vault.model import GATE, Record
from vault.note import Note
from vault.packs import PACKED, Content, Contents, Packer
from vault.recordkeys import Place
from vault.store import Store

Progress = Callable[[int, int], None]
"""Called with how many records and how many bytes more were stored."""


@dataclass(frozen=True, slots=True)
class Description:
    """What a person says of the evidence; everything may be left out.

    Args:
        title: For the label: what holders see in a list.
        stated: Further named values for the particulars, such as `source` or `collected_at`.
    """

    title: str | None = None
    stated: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stored:
    """One record that a deposit brought in: ids as text, SHA-256 of the original in hex."""

    record: str
    deposit: str
    case: str
    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class SealedTo:
    """Whom a deposit's two secrets are sealed to.

    Args:
        epoch: The number of the case's epoch.
        case: What stands before each seal of the case's secret, and the public key it is for.
        gate_epoch: The number of the gate's epoch.
        gate: Its sealing key.
    """

    epoch: int
    case: Sequence[tuple[str, bytes]] = field(repr=False)
    gate_epoch: int
    gate: bytes = field(repr=False)


@dataclass(slots=True)
class Prepared:
    """A deposit whose evidence is stored and whose note is still to be signed.

    Args:
        case: The case's id.
        deposit: 16 bytes.
        rows: The records' rows.
        root: The root over the record leaves.
        stored: What was stored, in order.
        blobs: The blobs that were written.
    """

    case: str
    deposit: bytes
    rows: BinaryIO
    root: bytes
    stored: list[Stored]
    blobs: list[bytes]
    case_secret: bytes = field(repr=False)
    gate_secret: bytes = field(repr=False)

    def message(
        self,
        authority: Authority,
        gate: Epoch,
        seen: Mapping[str, Any],
        sign: Signer,
        at: int,
    ) -> Message:
        """Seal the secrets to the epochs in force and sign the note.

        May be called again when the authority has moved on: evidence is not written again.

        Args:
            authority: In force.
            gate: The gate's epoch in force.
            seen: What the actor has seen of both logs.
            sign: Signs a note of a kind.
            at: Seconds since the epoch.
        """
        # While somebody still has the case's keys who should not, the others' devices get it.
        to_case = message.marked(gate, self.deposit, secret_recipients(authority, self.case, at))
        if not to_case:
            raise DeniedError("nobody holds this case any more", reason="no-holder")
        case_epoch, gate_epoch = authority.epoch(self.case), authority.epoch(GATE)
        to = SealedTo(case_epoch.number, to_case, gate_epoch.number, gate_epoch.sealing)
        return self.sealed(authority.vault, to, seen, sign, at)

    def sealed(
        self, vault: str, to: SealedTo, seen: Mapping[str, Any], sign: Signer, at: int
    ) -> Message:
        """Seal the secrets and sign the note.

        Args:
            vault: The vault's id.
            to: Whom the secrets are sealed to.
            seen: What the actor has seen of both logs.
            sign: Signs a note of a kind.
            at: Seconds since the epoch.
        """
        place = ids.parse(vault), ids.parse(self.case), self.deposit
        seals = [
            message.seal_secret(secret, recipients, label, *place, u64(number))
            for secret, recipients, number, label in (
                (self.case_secret, to.case, to.epoch, Label.CASE_SEAL),
                (self.gate_secret, [("", to.gate)], to.gate_epoch, Label.GATE_SEAL),
            )
        ]
        signed = sign(
            "deposit",
            {
                "id": ids.show(ids.draw()),
                "time": at,
                "seen": seen,
                "case": self.case,
                "epoch": to.epoch,
                "gate_epoch": to.gate_epoch,
                "deposit": ids.show(self.deposit),
                "count": len(self.stored),
                "records_root": self.root.hex(),
                "case_commitment": recordkeys.case_commitment(self.case_secret).hex(),
                "gate_commitment": recordkeys.gate_commitment(self.gate_secret).hex(),
                "case_seal": hashlib.sha256(seals[0]).hexdigest(),
                "gate_seal": hashlib.sha256(seals[1]).hexdigest(),
                "details": None,
            },
        )
        return Message(signed.signed, attachments=tuple(seals))


Signer = Callable[[str, Mapping[str, Any]], Note]


def prepare(
    store: Store,
    vault: str,
    case: str,
    sources: Iterable[Source],
    description: Description,
    *,
    context: Mapping[str, Any],
    progress: Progress | None = None,
) -> Prepared:
    """Encrypt and store evidence; nothing of it counts before the gate has kept the deposit.

    Args:
        store: Where to.
        vault: The vault's id.
        case: The case's id.
        sources: What to store.
        description: What a person says of all of it.
        context: Particulars that are the same for all: device, level, clock.
        progress: Called after each block.

    Raises:
        FileError: A source cannot be read or changed, or the vault cannot be written. Nothing
            remains.
    """
    return gather(
        Packer(store),
        store.blobs.scratch(),
        vault,
        case,
        sources,
        description,
        context=context,
        progress=progress,
    )


def gather(
    contents: Contents,
    rows: BinaryIO,
    vault: str,
    case: str,
    sources: Iterable[Source],
    description: Description,
    *,
    context: Mapping[str, Any],
    without: Collection[str] = (),
    progress: Progress | None = None,
) -> Prepared:
    """Encrypt evidence: contents and rows go where they are told to. See `prepare`.

    Args:
        contents: Where the contents go.
        rows: Where the rows go; closed if it fails.
        vault: The vault's id.
        case: The case's id.
        sources: What to store.
        description: What a person says of all of it.
        context: Particulars that are the same for all: device, level, clock.
        without: Particulars that are not captured though they could be.
        progress: Called after each block.
    """
    prepared = Prepared(
        case, ids.draw(), rows, b"", [], contents.blobs, os.urandom(32), os.urandom(32)
    )
    frontier = merkle.Frontier()
    writer = _Writer(contents, ids.parse(vault), prepared, description, context, without, progress)
    try:
        for source in sources:
            record = writer.add(source)
            rows.write(message.encode_row(record))
            frontier.append(merkle.leaf_hash(fields.record_leaf(record)))
        contents.close()
        rows.flush()
    except BaseException:
        contents.abort()
        rows.close()
        raise
    prepared.root = frontier.root()
    return prepared


def discard(store: Store, prepared: Prepared) -> None:
    """Delete what a deposit that the gate has not kept has stored."""
    for blob in prepared.blobs:
        store.blobs.remove(blob)
    prepared.rows.close()


class _Writer:
    """Turns sources into records."""

    def __init__(
        self,
        contents: Contents,
        vault: bytes,
        prepared: Prepared,
        description: Description,
        context: Mapping[str, Any],
        without: Collection[str],
        progress: Progress | None,
    ) -> None:
        self._vault = vault
        self._prepared = prepared
        self._title = description.title
        self._common = {**intake.surroundings(), **context, **description.stated}
        self._without = frozenset(without)
        self._progress = progress or (lambda *_: None)
        self._contents = contents

    def add(self, source: Source) -> Record:
        """Store one source and return its row."""
        prepared = self._prepared
        place = Place(self._vault, ids.parse(prepared.case), prepared.deposit, ids.draw())
        salt = os.urandom(32)
        secret = recordkeys.record_secret(prepared.case_secret, salt, place)
        share = recordkeys.gate_share(prepared.gate_secret, place)
        key = recordkeys.record_key(secret, share, place)
        opened = intake.open_source(source)
        try:
            content, kind = self._content(opened, recordkeys.content_key(key, place), place)
        finally:
            if opened.before is not None:
                opened.file.close()
        label = Fields.draw(
            {
                "family": None,
                "name": source.name,
                "relations": [],
                "sha256": content.sha256,
                "size": content.size,
                "title": self._title,
                "type": kind,
            }
        )
        known = {**self._common, **opened.observed}
        particulars = Fields.draw({n: v for n, v in known.items() if n not in self._without})
        prepared.stored.append(
            Stored(
                ids.show(place.record),
                ids.show(prepared.deposit),
                prepared.case,
                source.name,
                content.size,
                content.sha256,
            )
        )
        self._progress(1, 0)
        return Record(
            id=place.record,
            salt=salt,
            label=label.encrypt(
                recordkeys.label_key(secret, place), place.context(Label.LABEL_KEY)
            ),
            particulars=particulars.encrypt(
                recordkeys.particulars_key(key, place), place.context(Label.PARTICULARS_KEY)
            ),
            content_digest=content.digest,
            content_size=content.stored,
            fields_root=fields.fields_root(label, particulars),
            blob=content.blob,
            offset=content.offset,
        )

    def _content(self, opened: Opened, key: bytes, place: Place) -> tuple[Content, str]:
        """Store one content; what it is, and its media type."""
        start = b""

        def blocks() -> Iterator[bytes]:
            nonlocal start
            size = 0
            for block in intake.blocks(opened):
                start = start or block[:4096]
                size += len(block)
                yield block
                self._progress(0, len(block))
            opened.check_unchanged(size)

        expected = opened.before.st_size if opened.before is not None else PACKED * 16
        content = self._contents.add(key, place.context(Label.CONTENT_KEY), blocks(), expected)
        return content, intake.media_type(opened.source.name, start)
