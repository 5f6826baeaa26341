"""Links from places in a Markdown report, such as `state/staff.yaml:13`, to those lines on the forge of the commit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from reconciler.model.structs import Struct
from reconciler.report.common.annotations import Workspace

_PLACE = re.compile(r"(?<![`\[\\])`([^`\s|:]+\.ya?ml):(\d{1,9})`(?!`)")
_ADDRESS = re.compile(r"https?://[\w.:/~-]+/blob/[0-9a-f]{40}", re.ASCII)


class LineLinks(Struct, frozen=True):
    """Address of the commit's files on a forge, empty if there is none, and the folder that files are named from."""

    address: str = ""
    workspace: Workspace = Workspace("", "")

    def linked(self, markdown: str) -> str:
        """Return the report with a link on each place; a file outside the repository has none."""
        return _PLACE.sub(self._link, markdown) if self.address else markdown

    def _link(self, match: re.Match[str]) -> str:
        path = self.workspace.path_of(match[1])
        if not path or ".." in path.split("/"):
            return match[0]
        return f"[{match[0]}]({self.address}/{quote(path)}#L{match[2]})"


NO_LINKS = LineLinks()
"""Links nothing: no forge is known."""


def files_address(environment: Mapping[str, str]) -> str:
    """Return the address of the checked-out commit's files in a pipeline of GitHub or GitLab; elsewhere nothing."""
    names = {
        "GITHUB_ACTIONS": ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "blob", "GITHUB_SHA"),
        "GITLAB_CI": ("CI_PROJECT_URL", "-", "blob", "CI_COMMIT_SHA"),
    }
    for pipeline, parts in names.items():
        if environment.get(pipeline) == "true":
            address = "/".join(environment.get(part, "") if part.isupper() else part for part in parts)
            return address if _ADDRESS.fullmatch(address) else ""
    return ""
