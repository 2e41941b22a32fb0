"""Everything secret, and every call to a cryptographic library.

This package knows keys, bytes and formats; it knows no storage, no network and no people. It is
the only place that imports a cryptographic library, so that an auditor of the cryptography has one
folder to read. `FORMAT.md` beside this file gives the bytes.

Start with `derive` (the registry of labels and the length-prefixed encoding that everything else is
built on), then `container` (symmetric encryption), `seal` (to a public key), `signing` (signed
notes), and what is composed of them: `identity`, `keyfile`, `group`, `recovery`.
"""
