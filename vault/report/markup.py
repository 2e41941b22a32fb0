"""HTML without accidents: text is escaped unless it was made here.

Texts from people are made visible first (control, bidi and escape characters are spelt out), then
escaped. There is no way to put a plain string into a page as markup.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterable
from typing import Any

from vault.visible import visible

_VOID = frozenset(("meta", "input", "br", "col"))


class Html(str):
    """Markup that was made by `tag` or `together`."""

    __slots__ = ()


Child = str | None | Iterable["Child"]


def tag(element: str, /, *children: Child, **attributes: Any) -> Html:
    """An element.

    Args:
        element: Its name.
        children: Markup, or text that is escaped; None is nothing; or several of these.
        attributes: `class_` is `class`, `data_f` is `data-f`. True stands for the name alone, None
            and False for no attribute.
    """
    said = "".join(
        f" {_name(key)}" if value is True else f' {_name(key)}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if element in _VOID:
        return Html(f"<{element}{said}>")
    return Html(f"<{element}{said}>{together(*children)}</{element}>")


def together(*children: Child) -> Html:
    """Several things, one after another."""
    return Html("".join(_one(child) for child in children))


def escape(text: str) -> Html:
    """Text as markup that shows exactly it, made visible."""
    return Html(html.escape(visible(text), quote=True))


def name_of(text: str) -> Html:
    """A text of somebody, kept apart from what stands around it, whichever way it is written."""
    return tag("bdi", text)


def data(identity: str, value: Any) -> Html:
    """Data for the script: JSON that can end no element and begin none."""
    text = json.dumps(_plain(value), ensure_ascii=True, separators=(",", ":"))
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Html(f'<script type="application/json" id="{escape(identity)}">{text}</script>')


def document(title: str, style: str, script: str, *body: Child) -> bytes:
    """A whole page that may run and load nothing but this style and this script."""
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; "
        "trusted-types 'none'"
        if script
        else f"default-src 'none'; style-src {_hash(style)}; base-uri 'none'; form-action 'none'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        # Before anything that it is to govern.
        Html('<meta http-equiv="Content-Security-Policy" content="' + policy + '">'),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="robots", content="noindex, noarchive"),
        tag("title", title),
        Html(f"<style>{style}</style>"),
    )
    run = Html(f"<script>{script}</script>") if script else None
    page = together(head, tag("body", *body, run))
    return f'<!DOCTYPE html>\n<html lang="en">{page}</html>\n'.encode()


def _one(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    if isinstance(child, str):
        return escape(child)
    return "".join(map(_one, child))


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
