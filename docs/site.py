"""What MkDocs is told besides mkdocs.yml: pages that stand at the repository's top, and links that leave docs/.

On the forge a page's links lead anywhere in the repository. The site has the pages alone, so a link to another file
becomes its text, unless `repo_url` says where that file can be seen.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
TOP = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md"}
_FOR_WRITERS = re.compile(r"^<!-- (?:Made by|begins:|before:|not run:)[^\n]*-->\n+", re.MULTILINE)
"""Comments for who writes and who tries the pages. A page that begins with one would be called by its file's name."""
_LINK = re.compile(r"(?<!!)\[([^\]\n]*)\]\(([^)\s]+)\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put every page of a folder where the navigation has `folder/*`: pages that are made come and go by themselves."""
    config.nav = _expanded(config.nav, Path(config.docs_dir))
    return config


def _expanded(nav: Any, docs: Path) -> Any:
    if isinstance(nav, dict):
        return {title: _expanded(below, docs) for title, below in nav.items()}
    if not isinstance(nav, list):
        return nav
    expanded: list[Any] = []
    for one in nav:
        if isinstance(one, str) and one.endswith("/*"):
            expanded += sorted(page.relative_to(docs).as_posix() for page in docs.glob(f"{one}.md"))
        else:
            expanded.append(_expanded(one, docs))
    return expanded


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the top level."""
    for name, uri in TOP.items():
        page = File.generated(config, uri, content=(ROOT / name).read_text("utf-8"))
        page.edit_uri = None
        files.append(page)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Leave out what is for writers; lead each link to a page of the site, to the forge, or nowhere."""
    names = {uri: name for name, uri in TOP.items()}
    here = page.file.src_uri
    stands = names.get(here, f"docs/{here}")

    def led(found: re.Match[str]) -> str:
        text, link = found.groups()
        path, hash_sign, anchor = link.partition("#")
        if "://" in link or not path:
            return found[0]
        meant = posixpath.normpath(posixpath.join(posixpath.dirname(stands), path))
        uri = TOP.get(meant) or (meant.removeprefix("docs/") if meant.endswith((".md", ".png", ".svg")) else "")
        if uri and (meant in TOP or meant.startswith("docs/")):
            relative = posixpath.relpath(uri, posixpath.dirname(here) or ".")
            return f"[{text}]({relative}{hash_sign}{anchor})"
        return f"[{text}]({config.repo_url.rstrip('/')}/blob/HEAD/{meant})" if config.repo_url else text

    return _LINK.sub(led, _FOR_WRITERS.sub("", markdown))
