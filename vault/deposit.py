"""Stores evidence: files become containers, labels and particulars, and one signed deposit.

A deposit is one act: everything in it is stored or nothing. Files are read once; small containers
share packs, large ones are blobs of their own; rows wait in a nameless file, so memory does not
grow with the number of records. Nothing here needs a key that reads the case.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from keys.container import CHUNK, Encryptor, encrypted_size
from keys.derive import Label, padded_size, u64
from keys.digest import Blake3, Sha256
from vault import fields, ids, intake, message, recordkeys
from vault.authority import Authority, secret_recipients
from vault.errors import DeniedError
from vault.fields import Fields
from vault.intake import Opened, Source
from vault.log import merkle
from vault.message import Message
from vault.model import GATE, Record
from vault.note import Note
from vault.recordkeys import Place
from vault.store import BlobWriter, Store

LEAST_CONTENT = 4096
"""Content is padded to at least this much."""

PACKED = 1 << 20
"""Up to this size a container goes into a pack."""

PACK = 64 << 20
"""At this size a pack is closed."""

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
        self, authority: Authority, seen: Mapping[str, Any], sign: Signer, at: int
    ) -> Message:
        """Seal the secrets to the epochs in force and sign the note.

        May be called again when the authority has moved on: evidence is not written again.

        Args:
            authority: In force.
            seen: What the actor has seen of both logs.
            sign: Signs a note of a kind.
            at: Seconds since the epoch.
        """
        vault, case = ids.parse(authority.vault), ids.parse(self.case)
        epochs = authority.epoch(self.case), authority.epoch(GATE)
        # While somebody still has the case's keys who should not, the others' devices get it.
        to_case = secret_recipients(authority, self.case, at)
        if not to_case:
            raise DeniedError("nobody holds this case any more", reason="no-holder")
        seals = [
            message.seal_secret(
                secret, recipients, label, vault, case, self.deposit, u64(epoch.number)
            )
            for secret, recipients, epoch, label in (
                (self.case_secret, to_case, epochs[0], Label.CASE_SEAL),
                (self.gate_secret, [("", epochs[1].sealing)], epochs[1], Label.GATE_SEAL),
            )
        ]
        signed = sign(
            "deposit",
            {
                "id": ids.show(ids.draw()),
                "time": at,
                "seen": seen,
                "case": self.case,
                "epoch": epochs[0].number,
                "gate_epoch": epochs[1].number,
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
    prepared = Prepared(
        case, ids.draw(), store.blobs.scratch(), b"", [], [], os.urandom(32), os.urandom(32)
    )
    frontier = merkle.Frontier()
    writer = _Writer(store, ids.parse(vault), prepared, description, context, progress)
    try:
        for source in sources:
            record = writer.add(source)
            prepared.rows.write(message.encode_row(record))
            frontier.append(merkle.leaf_hash(fields.record_leaf(record)))
        writer.close()
        prepared.rows.flush()
    except BaseException:
        writer.abort()
        discard(store, prepared)
        raise
    prepared.root = frontier.root()
    return prepared


def discard(store: Store, prepared: Prepared) -> None:
    """Delete what a deposit that the gate has not kept has stored."""
    for blob in prepared.blobs:
        store.blobs.remove(blob)
    prepared.rows.close()


class _Writer:
    """Turns sources into records, packing small ones together."""

    def __init__(
        self,
        store: Store,
        vault: bytes,
        prepared: Prepared,
        description: Description,
        context: Mapping[str, Any],
        progress: Progress | None,
    ) -> None:
        self._store = store
        self._vault = vault
        self._prepared = prepared
        self._title = description.title
        self._common = {**intake.surroundings(), **context, **description.stated}
        self._progress = progress or (lambda *_: None)
        self._pack: BlobWriter | None = None

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
            content = self._content(opened, recordkeys.content_key(key, place), place)
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
                "type": content.type,
            }
        )
        particulars = Fields.draw({**self._common, **opened.observed})
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

    def close(self) -> None:
        """Make the last pack durable."""
        if self._pack is not None:
            self._prepared.blobs.append(self._pack.commit())
            self._pack = None

    def abort(self) -> None:
        """Drop the pack under way."""
        if self._pack is not None:
            self._pack.abort()

    def _content(self, opened: Opened, key: bytes, place: Place) -> _Content:
        encryptor = Encryptor(key, place.context(Label.CONTENT_KEY))
        expected = opened.before.st_size if opened.before is not None else PACKED * 16
        sha256, blake3 = Sha256(expected), Blake3()
        target: BlobWriter | None = None
        small: list[bytes | bytearray] = [encryptor.header]
        size = stored = 0
        start = b""

        def put(data: bytes | bytearray) -> None:
            nonlocal stored
            blake3.update(data)
            stored += len(data)
            if target is None:
                small.append(data)
            else:
                target.write(data)

        blake3.update(encryptor.header)
        stored = len(encryptor.header)
        try:
            for block in intake.blocks(opened):
                start = start or block[:4096]
                sha256.update(block)
                size += len(block)
                if target is None and encrypted_size(padded_size(size, LEAST_CONTENT)) > PACKED:
                    target = self._store.blobs.writer()
                    for data in small:
                        target.write(data)
                    small.clear()
                put(encryptor.update(block))
                self._progress(0, len(block))
            opened.check_unchanged(size)
            for zeros in _zeros(padded_size(size, LEAST_CONTENT) - size):
                put(encryptor.update(zeros))
            put(encryptor.finish())
            if target is not None:
                blob, offset = target.commit(), 0
                self._prepared.blobs.append(blob)
            else:
                blob, offset = self._packed(b"".join(small))
        except BaseException:
            sha256.close()
            if target is not None:
                target.abort()
            raise
        return _Content(
            size=size,
            sha256=sha256.digest().hex(),
            type=intake.media_type(opened.source.name, start),
            digest=blake3.digest(),
            stored=stored,
            blob=blob,
            offset=offset,
        )

    def _packed(self, data: bytes) -> tuple[bytes, int]:
        if self._pack is not None and self._pack.size + len(data) > PACK:
            self.close()
        if self._pack is None:
            self._pack = self._store.blobs.writer()
        offset = self._pack.size
        self._pack.write(data)
        return self._pack.name, offset


@dataclass(frozen=True, slots=True)
class _Content:
    size: int
    sha256: str
    type: str
    digest: bytes
    stored: int
    blob: bytes
    offset: int


def _zeros(count: int) -> Iterable[bytes]:
    block = bytes(64 * CHUNK)
    while count > 0:
        yield block[:count] if count < len(block) else block
        count -= len(block)
