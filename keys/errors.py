"""The root of every exception that `keys` and `vault` raise on purpose.

Two families are never mixed up: *proved bad* (`VerificationError`: the bytes are of the right shape
and a key, a hash or a signature says that they are not what they should be) and *not understood*
(`MalformedError`: the bytes are not of the format at all, or of a newer one).
"""

from __future__ import annotations


class Error(Exception):
    """What went wrong, in one line, and what to do about it.

    Args:
        message: One line that holds no secret.
        hint: What the reader can do next, or an empty string.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class MalformedError(Error):
    """The bytes are not of this format, or of a version or suite that is not supported."""


class VerificationError(Error):
    """The bytes are of this format and are proved bad."""


class CommitmentError(VerificationError):
    """A container's key commitment does not match: another key, another context, or damage."""


class TruncatedError(VerificationError):
    """A container ends without its short last chunk: something was cut off."""


class DamagedError(VerificationError):
    """A chunk of a container fails its authentication tag."""


class OpenError(VerificationError):
    """A seal does not open: it is for another key or context, or damaged."""


class SignatureError(VerificationError):
    """A required signature is missing or does not verify."""


class WeakKeyError(VerificationError):
    """A public key that would let one person deny or block everything."""


class UntrustedError(Error):
    """An outside authority's word that cannot be checked, or that it did not give."""


class KeySizeError(Error, ValueError):
    """A caller passed a key or a salt of the wrong length."""


class WrongPassphraseError(Error):
    """The identity file does not decrypt under this passphrase."""


class OutOfMemoryError(Error):
    """Deriving a key from the passphrase needs more memory than there is."""


class FileError(Error):
    """A file cannot be read or written, or exists already."""


class SharesError(Error):
    """Recovery shares that cannot be made or combined as asked: a count, a mixture, a repetition.

    Nothing is wrong with any of them.
    """


class TooFewSharesError(SharesError):
    """Fewer recovery shares than it takes: they tell nothing."""
