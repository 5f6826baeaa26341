"""MkDocs hooks for pages at the top of the repository and for links that leave docs/.

On the forge, a page may link to any file of the repository. The site has only the pages, so a link to another file
becomes its text, unless `repo_url` gives an address for that file.
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
"""Comments for authors and tests. MkDocs would use the file's name as the title of a page that begins with one."""
_LINK = re.compile(r"(?<!!)\[([^\]\n]*)\]\(([^)\s]+)\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Replace `folder/*` in the navigation by every page of the folder, because generated pages come and go."""
    config.nav = _expanded(config.nav, Path(config.docs_dir))
    return config


def _expanded(nav: Any, docs: Path) -> Any:
    if isinstance(nav, dict):
        return {title: _expanded(below, docs) for title, below in nav.items()}
    if not isinstance(nav, list):
        return nav
    expanded: list[Any] = []
    for entry in nav:
        if isinstance(entry, str) and entry.endswith("/*"):
            expanded += sorted(page.relative_to(docs).as_posix() for page in docs.glob(f"{entry}.md"))
        else:
            expanded.append(_expanded(entry, docs))
    return expanded


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the top level."""
    for name, uri in TOP.items():
        page = File.generated(config, uri, content=(ROOT / name).read_text("utf-8"))
        page.edit_uri = None
        files.append(page)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Remove comments for authors, and point each link to a page of the site, to the forge, or nowhere."""
    names = {uri: name for name, uri in TOP.items()}
    page_uri = page.file.src_uri
    source = names.get(page_uri, f"docs/{page_uri}")

    def resolve(match: re.Match[str]) -> str:
        text, link = match.groups()
        path, hash_sign, anchor = link.partition("#")
        if "://" in link or not path:
            return match[0]
        file = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        uri = TOP.get(file) or (file.removeprefix("docs/") if file.endswith((".md", ".png", ".svg")) else "")
        if uri and (file in TOP or file.startswith("docs/")):
            relative = posixpath.relpath(uri, posixpath.dirname(page_uri) or ".")
            return f"[{text}]({relative}{hash_sign}{anchor})"
        return f"[{text}]({config.repo_url.rstrip('/')}/blob/HEAD/{file})" if config.repo_url else text

    return _LINK.sub(resolve, _FOR_WRITERS.sub("", markdown))
