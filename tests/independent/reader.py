"""A second reader of vaults, written from the two FORMAT.md files alone.

It shares no code with the product: only the cryptography package and the standard library. It opens
an identity file, begins with a fingerprint, verifies both logs and their signatures, and opens
records. It is as short as can be and fails with an assertion.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa, mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


def u64(number: int) -> bytes:
    return number.to_bytes(8, "big")


def lp(*parts: bytes) -> bytes:
    return len(parts).to_bytes(4, "big") + b"".join(u64(len(part)) + part for part in parts)


def unlp(data: bytes) -> list[bytes]:
    count, at, parts = int.from_bytes(data[:4], "big"), 4, []
    for _ in range(count):
        size = int.from_bytes(data[at : at + 8], "big")
        parts.append(data[at + 8 : at + 8 + size])
        at += 8 + size
    assert at == len(data)
    return parts


def label(name: str) -> bytes:
    return b"evault/1/" + name.encode()


def expand(key: bytes, name: str, *bound: bytes, size: int = 32) -> bytes:
    return HKDFExpand(hashes.SHA512(), size, lp(label(name), *bound)).derive(key)


def extract(salt: bytes, key: bytes) -> bytes:
    return HKDF.extract(hashes.SHA512(), salt, key)


def digest(name: str, *parts: bytes) -> bytes:
    return hashlib.sha256(lp(label(name), *parts)).digest()


def unpad(data: bytes) -> bytes:
    size = int.from_bytes(data[:8], "big")
    assert not any(data[8 + size :])
    return data[8 : 8 + size]


def b32(raw: bytes) -> str:
    return base64.b32encode(raw).decode().lower().rstrip("=")


def unb32(text: str) -> bytes:
    return base64.b32decode(text.upper() + "=" * (-len(text) % 8))


def decrypt(key: bytes, context: bytes, data: bytes) -> bytes:
    """Open a container."""
    salt, commitment = data[:24], data[24:56]
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00" + salt + context
    out = HKDFExpand(hashes.SHA512(), 76, info).derive(key)
    assert out[44:] == commitment
    base, plain, at, chunk = int.from_bytes(out[32:44], "big"), b"", 56, 0
    while True:
        sealed = data[at : at + 16400]
        plain += AESGCM(out[:32]).decrypt((base ^ chunk).to_bytes(12, "big"), sealed, None)
        at, chunk = at + 16400, chunk + 1
        if len(sealed) < 16400:
            return plain


class SealKey:
    """An ML-KEM-768 and an X25519 private key."""

    def __init__(self, lattice: bytes, curve: bytes) -> None:
        kem = mlkem.MLKEM768PrivateKey.from_seed_bytes(lattice)
        key = x25519.X25519PrivateKey.from_private_bytes(curve)
        self.private = hpke.MLKEM768X25519PrivateKey(kem, key)
        self.public = kem.public_key().public_bytes_raw() + key.public_key().public_bytes_raw()

    def open(self, sealed: bytes, name: str, *bound: bytes) -> bytes:
        return SUITE.decrypt(sealed, self.private, info=lp(label(name), *bound))


class Epoch:
    """A group's epoch."""

    def __init__(self, vault: bytes, group: str, number: int, seed: bytes) -> None:
        self.vault, self.group, self.number, self.seed = vault, group, number, seed
        self.bound = (vault, group.encode(), u64(number))
        self.key = SealKey(
            expand(seed, "group-ml-kem-768", *self.bound, size=64),
            expand(seed, "group-x25519", *self.bound),
        )

    def tag(self, note_id: bytes) -> bytes:
        key = expand(self.seed, "group-tag", *self.bound)
        return expand(key, "group-tag", note_id, size=8)

    def before(self, link: bytes) -> Epoch:
        key = expand(self.seed, "group-link", *self.bound)
        seed = decrypt(key, lp(label("group-link"), *self.bound), link)
        return Epoch(self.vault, self.group, self.number - 1, seed)


def open_identity(data: bytes, passphrase: str) -> bytes:
    """The seed in an identity file."""
    assert data[:10] == b"EVAULTID\x00\x01"
    memory, passes, lanes = (int.from_bytes(data[at : at + 4], "big") for at in (10, 14, 18))
    key = Argon2id(
        salt=data[22:38], length=32, iterations=passes, lanes=lanes, memory_cost=memory
    ).derive(passphrase.encode())
    return unlp(unpad(decrypt(key, lp(label("identity-file"), data[:38]), data[38:])))[0]


def signatures(note: bytes) -> tuple[bytes, list[tuple[str, bytes]]]:
    """A signed note's text, and name and value of its signatures."""
    text, _, tail = note.decode().rpartition("\n\n")
    lines = [line.split(" ") for line in tail.splitlines()]
    assert all(line[0] == "\u2014" for line in lines)
    return (text + "\n").encode(), [(line[1], base64.b64decode(line[2])) for line in lines]


def key_id(name: str, kind: bytes, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + kind + public).digest()[:4]


def check_note(note: bytes, contact: dict[str, str], *, hybrid: bool) -> None:
    """Both signatures of a statement, or the one of another note."""
    text, lines = signatures(note)
    assert len(lines) == (2 if hybrid else 1)
    public = base64.b64decode(contact["ed25519"])
    assert lines[0][0] == contact["device"]
    assert lines[0][1][:4] == key_id(contact["device"], b"\x01", public)
    ed25519.Ed25519PublicKey.from_public_bytes(public).verify(lines[0][1][4:], text)
    if hybrid:
        public = base64.b64decode(contact["ml_dsa_44"])
        kind = b"\xffevault/1/ml-dsa-44"
        assert lines[1][1][:4] == key_id(contact["device"], kind, public)
        verifier = mldsa.MLDSA44PublicKey.from_public_bytes(public)
        verifier.verify(lines[1][1][4:], text, b"evault/1/note")


def check_head(note: bytes, origin: str, signing: dict[str, str]) -> tuple[int, bytes]:
    """Both signatures of a head; its size and root."""
    text, lines = signatures(note)
    first, size, root = text.decode().splitlines()
    assert first == origin
    assert [name for name, _ in lines] == [origin, origin]
    public = base64.b64decode(signing["ed25519"])
    ed25519.Ed25519PublicKey.from_public_bytes(public).verify(lines[0][1][4:], text)
    public, value = base64.b64decode(signing["ml_dsa_44"]), lines[1][1]
    assert value[:4] == key_id(origin, b"\x06", public)
    name, raw = bytes([len(origin)]) + origin.encode(), base64.b64decode(root)
    message = b"subtree/v1\n\x00" + name + value[4:12] + name + u64(0) + u64(int(size)) + raw
    mldsa.MLDSA44PublicKey.from_public_bytes(public).verify(value[12:], message)
    return int(size), raw


def tree(leaves: list[bytes]) -> bytes:
    """An RFC 6962 root over leaf data."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + tree(leaves[:half]) + tree(leaves[half:])).digest()


def body_of(note: bytes) -> tuple[str, dict[str, Any]]:
    """Kind and fields of a note."""
    lines = signatures(note)[0].decode().split("\n")
    return lines[0].removeprefix("evault/1/"), json.loads(lines[2])


class Reader:
    """One identity, one vault.

    Args:
        vault: The folder.
        identity: The bytes of an identity file.
        passphrase: Its.
        fingerprint: In hex.
    """

    def __init__(self, vault: Path, identity: bytes, passphrase: str, fingerprint: str) -> None:
        assert (vault / "FORMAT").read_bytes() == b"evault vault 3\n"
        seed = open_identity(identity, passphrase)
        signing = ed25519.Ed25519PrivateKey.from_private_bytes(expand(seed, "identity-ed25519"))
        lattice = mldsa.MLDSA44PrivateKey.from_seed_bytes(expand(seed, "identity-ml-dsa-44"))
        self.device = b32(
            digest(
                "device-id",
                signing.public_key().public_bytes_raw(),
                lattice.public_key().public_bytes_raw(),
            )[:20]
        )
        self.own = SealKey(
            expand(seed, "identity-ml-kem-768", size=64), expand(seed, "identity-x25519")
        )
        self.path = vault
        self.database = sqlite3.connect(vault / "vault.db")
        self.heads = {
            log: self.one("select note from log_head where log = ?", log)[0] for log in (0, 1)
        }
        self.origins = {
            log: signatures(self.heads[log])[0].decode().split("\n")[0] for log in (0, 1)
        }
        self.vault = unb32(self.origins[0].split("/")[1])
        self.entries = {
            log: [
                row[0]
                for row in self.database.execute(
                    "select raw from log_entry where log = ? order by position", (log,)
                )
            ]
            for log in (0, 1)
        }
        self.epochs: dict[tuple[str, int], Epoch] = {}
        self.published: dict[tuple[str, int], dict[str, Any]] = {}
        self.contacts: dict[str, dict[str, str]] = {}
        self._begin(fingerprint)

    def one(self, query: str, *values: Any) -> Any:
        return self.database.execute(query, values).fetchone()

    def open_entry(self, log: int, raw: bytes, groups: set[str]) -> tuple[bytes, bytes] | None:
        """The actor note and the gate note of an entry, if this identity is a recipient."""
        parts = unlp(raw)
        assert parts[0] == label("entry")
        note_id = bytes.fromhex(json.loads(parts[1])["note"])
        opened = self.open_compartment(log, parts[2], note_id, groups)
        if opened is None:
            return None
        actor, gate = unlp(opened)
        assert digest("note-id", unb32(body_of(actor)[1]["id"])) == note_id
        assert body_of(gate)[1]["note"] == hashlib.sha256(actor).hexdigest()
        return actor, gate

    def open_compartment(
        self, log: int, raw: bytes, note_id: bytes, groups: set[str]
    ) -> bytes | None:
        commitment, recipients, box = unlp(raw)
        origin = self.origins[log].encode()
        epochs = [epoch for (group, _), epoch in self.epochs.items() if group in groups]
        for tag, sealed in map(unlp, unlp(recipients)):
            keys = [e.key for e in epochs if not tag or tag == e.tag(note_id)]
            for key in [*keys, *([] if tag else [self.own])]:
                try:
                    secret = key.open(sealed, "entry-key", origin, commitment)
                except (InvalidTag, ValueError):
                    continue
                context = lp(label("entry-box"), origin, commitment)
                salt, body = unlp(unpad(decrypt(secret, context, box)))
                assert digest("entry-body", salt, body) == commitment
                return body
        return None

    def _begin(self, fingerprint: str) -> None:
        opened: dict[int, tuple[bytes, bytes]] = {}
        # From the newest back: what opens brings seeds; then once more with all of them.
        for _ in range(2):
            for index in range(len(self.entries[0]) - 1, -1, -1):
                notes = opened.get(index) or self.open_entry(0, self.entries[0][index], {"members"})
                if notes is not None:
                    opened[index] = notes
                    self._learn(body_of(notes[0])[1])
        assert len(opened) == len(self.entries[0])
        text = signatures(opened[0][0])[0]
        assert hashlib.sha256(text).hexdigest() == fingerprint
        for index in sorted(opened):
            actor, gate = opened[index]
            _, body = body_of(actor)
            if "contact" in body:
                contact = json.loads(body["contact"].split("\n")[2])
                check_note(body["contact"].encode(), contact, hybrid=True)
                self.contacts[contact["device"]] = contact
            check_note(actor, self.contacts[body["device"]], hybrid=True)
            check_note(gate, self.contacts[body_of(gate)[1]["device"]], hybrid=False)
            before = self.entries[0][:index]
            assert body["extends"] == {"root": tree(before).hex(), "size": index}
        for (group, number), epoch in self.epochs.items():
            public = self.published[group, number]["sealing"]
            assert epoch.key.public == base64.b64decode(public)
        newest = max(number for group, number in self.published if group == "gate")
        for log in (0, 1):
            size, root = check_head(
                self.heads[log], self.origins[log], self.published["gate", newest]["signing"]
            )
            assert size == len(self.entries[log])
            assert root == tree(self.entries[log])

    def _learn(self, body: dict[str, Any]) -> None:
        wraps = list(body.get("wraps", []))
        for epoch in body.get("epochs", []):
            self.published[epoch["group"], epoch["number"]] = epoch
            wraps += [
                {**wrap, "group": epoch["group"], "number": epoch["number"]}
                for wrap in epoch["wraps"]
            ]
        for wrap in wraps:
            if wrap["device"] == self.device:
                group, number = wrap["group"], wrap["number"]
                seed = self.own.open(
                    base64.b64decode(wrap["wrap"]),
                    "group-wrap",
                    self.vault,
                    group.encode(),
                    u64(number),
                    self.device.encode(),
                )
                self.epochs[group, number] = Epoch(self.vault, group, number, seed)
        for group, number in sorted(self.epochs, key=lambda key: -key[1]):
            place, newer = (group, number), self.epochs[group, number]
            while place in self.published and self.published[place]["link"] is not None:
                newer = newer.before(base64.b64decode(self.published[place]["link"]))
                place = (group, newer.number)
                self.epochs[place] = newer

    def acts(self, case: str) -> list[tuple[dict[str, Any], dict[str, Any], Any]]:
        """Every entry of the access log that a holder of a case opens: act, gate note, details."""
        found = []
        for index, raw in enumerate(self.entries[1]):
            notes = self.open_entry(1, raw, {case})
            if notes is None:
                continue
            actor, gate = body_of(notes[0])[1], body_of(notes[1])[1]
            check_note(notes[0], self.contacts[actor["device"]], hybrid=False)
            check_note(notes[1], self.contacts[gate["device"]], hybrid=False)
            assert gate["access"]["size"] == index
            parts, details = unlp(raw), None
            if len(parts) == 4:
                assert hashlib.sha256(parts[3]).hexdigest() == actor["details"]
                note_id = bytes.fromhex(json.loads(parts[1])["note"])
                details = json.loads(self.open_compartment(1, parts[3], note_id, {case}) or b"null")
            found.append((actor, gate, details))
        return found

    def records(self, case: str) -> dict[str, tuple[dict[str, Any], dict[str, Any], bytes]]:
        """Label, particulars and content of every record of a case, by id."""
        deposits = {a["deposit"]: a for a, _, _ in self.acts(case) if "deposit" in a}
        found = {}
        for name, act in deposits.items():
            row = self.one("select * from deposit where id = ?", unb32(name))
            identity, case_id, epoch, gate_epoch, case_seal, gate_seal, _, count = row
            assert hashlib.sha256(case_seal).hexdigest() == act["case_seal"]
            bound = (self.vault, case_id, identity)
            case_secret = self._secret(case, epoch, case_seal, "case-seal", bound)
            gate_secret = self._secret("gate", gate_epoch, gate_seal, "gate-seal", bound)
            assert digest("case-commitment", case_secret).hex() == act["case_commitment"]
            assert digest("gate-commitment", gate_secret).hex() == act["gate_commitment"]
            rows = self.database.execute(
                "select id, salt, content_digest, content_size, fields_root, blob, offset, label, "
                "particulars from record where deposit = ? order by position",
                (identity,),
            ).fetchall()
            leaves = []
            for record in rows:
                opened, leaf = self._record(record, (*bound, record[0]), case_secret, gate_secret)
                leaves.append(leaf)
                found[b32(record[0])] = opened
            assert len(leaves) == count == act["count"]
            assert tree(leaves).hex() == act["records_root"]
        return found

    def _secret(
        self, group: str, number: int, seals: bytes, name: str, bound: tuple[bytes, ...]
    ) -> bytes:
        to, sealed = unlp(unlp(seals)[0])
        assert to == b""
        return self.epochs[group, number].key.open(sealed, name, *bound, u64(number))

    def _record(
        self, row: tuple[Any, ...], place: tuple[bytes, ...], case_secret: bytes, gate_secret: bytes
    ) -> tuple[tuple[dict[str, Any], dict[str, Any], bytes], bytes]:
        identity, salt, content_digest, size, fields_root, blob, offset, first, second = row
        secret = expand(extract(salt, case_secret), "record", *place)
        share = expand(gate_secret, "gate-share", *place)
        key = expand(extract(share, secret), "record-key", *place)
        values, commitments = [], {}
        for data, start, name in ((first, secret, "label"), (second, key, "particulars")):
            opened = decrypt(
                expand(start, f"{name}-key", *place), lp(label(f"{name}-key"), *place), data
            )
            seed, raw = unlp(unpad(opened))
            values.append(json.loads(raw))
            for field, value in values[-1].items():
                said = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
                field_salt = expand(seed, "field-salt", field.encode())
                commitments[field] = digest("field", field.encode(), field_salt, said.encode())
        assert tree([commitments[name] for name in sorted(commitments)]) == fields_root
        place_on_disk = self.path / "blobs" / blob.hex()[:2] / blob.hex()[2:]
        sealed = place_on_disk.read_bytes()[offset : offset + size]
        content = decrypt(
            expand(key, "content-key", *place), lp(label("content-key"), *place), sealed
        )
        plain = content[: values[0]["size"]]
        assert not any(content[len(plain) :])
        assert hashlib.sha256(plain).hexdigest() == values[0]["sha256"]
        leaf = digest(
            "record-leaf",
            identity,
            hashlib.sha256(salt).digest(),
            content_digest,
            u64(size),
            hashlib.sha256(first).digest(),
            hashlib.sha256(second).digest(),
            fields_root,
        )
        return (values[0], values[1], plain), leaf
