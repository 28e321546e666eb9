"""Reading a page as a browser would, far enough for tests."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

VOID = {"br", "img", "input", "link", "meta", "hr", "path", "rect", "line", "image"}


class Page(HTMLParser):
    """A page taken apart.

    Attributes:
        tags: every element: its name and attributes.
        texts: text by element name.
        unclosed: elements that were not closed in order.
    """

    def __init__(self, path: Path | str) -> None:
        super().__init__()
        self.source = Path(path).read_text(encoding="utf-8") if isinstance(path, Path) else path
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}
        self.unclosed: list[str] = []
        self._open: list[str] = []
        self.feed(self.source)
        self.close()
        self.unclosed += self._open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self._open or self._open[-1] != tag:
            self.unclosed.append(tag)
        if tag in self._open:
            while self._open.pop() != tag:
                continue

    def handle_data(self, data):
        for tag in set(self._open):
            self.texts[tag][-1] += data

    def all(self, tag):
        """Attributes of every element of a name."""
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self):
        """All that is to be read."""
        return " ".join(" ".join(self.texts.get("body", [])).split())
