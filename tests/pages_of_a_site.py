"""The pages of a site taken apart: links, ids and text, as a browser would find them."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path


class Parsed(HTMLParser):
    """One page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "href":
                self.links.append(value or "")
            elif name in ("src", "srcset", "action", "data", "poster") or name.startswith("on"):
                self.fetched.append(f"{tag} {name}={value}")
            elif name == "id":
                self.ids.append(value or "")

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def pages_in(folder: Path) -> dict[str, Parsed]:
    """Every page of a site by its name in the folder."""
    files = sorted(folder.rglob("*.html"))
    return {file.relative_to(folder).as_posix(): Parsed(file.read_text("utf-8")) for file in files}


def broken_links(folder: Path) -> list[str]:
    """Links that lead to no file of the folder, or to no element of the page."""
    pages = pages_in(folder)
    broken = []
    for name, page in pages.items():
        for link in page.links:
            path, _, element = link.partition("#")
            goal = (folder / name).parent / path if path else folder / name
            known = pages.get(goal.resolve().relative_to(folder.resolve()).as_posix()) if goal.exists() else None
            if known is None or (element and element not in known.ids):
                broken.append(f"{name}: {link}")
    return broken
