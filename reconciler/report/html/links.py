"""Links within a page: staff lead to their caseload, learners to their row, and a filter shows one person's rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from reconciler.model.structs import Struct, field
from reconciler.report.common.escape import visible

if TYPE_CHECKING:
    from markupsafe import Markup

_WORD = re.compile(r"[\w.@-]*\w")


class Links(Struct, frozen=True):
    """Targets of names on a page: the number of an element by handle or label. `staff` are numbered for the filter.

    `placed` are the learners whose element is on the page already: an id must be unique.
    """

    staff: Mapping[str, int]
    learners: Mapping[str, int]
    placed: set[str] = field(default_factory=set)

    def linked(self, words: str) -> Markup:
        """Return the words, escaped, with a link on each name that leads somewhere."""
        from markupsafe import Markup, escape

        text = visible(words).replace(" -> ", " → ")
        parts, end = [], 0
        for match in _WORD.finditer(text):
            if target := self._target(match[0]):
                parts += [escape(text[end : match.start()]), Markup('<a href="#{}">{}</a>').format(target, match[0])]
                end = match.end()
        return Markup("").join([*parts, escape(text[end:])])

    def anchor(self, name: str) -> Markup:
        """Return a learner's name, with the id that links lead to where it comes first."""
        from markupsafe import Markup

        if name not in self.learners or name in self.placed:
            return Markup("{}").format(visible(name))
        self.placed.add(name)
        return Markup('<span id="learner-{}">{}</span>').format(self.learners[name], visible(name))

    def people(self, words: str) -> str:
        """Return the classes of a row: one for each member of staff that it names."""
        return " ".join(f"p{self.staff[name]}" for name in _WORD.findall(words) if name in self.staff)

    def filters(self) -> str:
        """Return the style rules of the filter: with a person as the target, only that person's rows are shown."""
        return "".join(
            f"#only-{number}:target~.changes tbody tr:not(.p{number}){{display:none}}\n"
            f"#only-{number}:target~nav a[href='#only-{number}']{{font-weight:700}}\n"
            for number in self.staff.values()
        )

    def _target(self, word: str) -> str:
        if word in self.staff:
            return f"staff-{self.staff[word]}"
        return f"learner-{self.learners[word]}" if word in self.learners else ""


def links_of(staff: Iterable[str], learners: Iterable[str]) -> Links:
    """Return the links of a page that has these members of staff in its caseload table and these learners in rows."""
    return Links(_numbered(staff), _numbered(name for name in learners if _WORD.fullmatch(name)))


def _numbered(names: Iterable[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(dict.fromkeys(names))}
