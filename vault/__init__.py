"""An encrypted evidence vault.

Start with `session.Session`: an unlocked member at work. Below it, in the order in which data
flows: a client (`deposit`, `retrieve`, `client`) speaks to the `gate`, the only writer, which keeps
everything in the `store`. Who may do what is decided in `authority` alone; `log` proves that
nothing was changed; `replica` is what one client knows for certain. `FORMAT.md` beside this file
gives the bytes.
"""
