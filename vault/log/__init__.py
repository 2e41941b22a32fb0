"""A transparency log over opaque entries.

Nothing here knows what an entry says. `merkle` hashes and verifies, `proof` makes proofs from
stored nodes, `entry` gives an entry its compartments, `checkpoint` signs and verifies heads.

What a verifier does, in order:

1. verify both signatures of the checkpoint under the gate epoch in force (`checkpoint.verify`);
2. compare it with the pin: not smaller, and consistent (`merkle.verify_consistency`);
3. verify each entry that matters against the root (`merkle.verify_inclusion`, or the whole root);
4. open what is sealed to one's own keys (`entry.open_compartment`), and only then read it.
"""
