"""Common parts of the pages of a site: names of files, links between pages, the menu, and when a page was made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from reconciler.model.declared import DeclaredLearner
from reconciler.model.history import RunRow
from reconciler.model.operations import hashed
from reconciler.model.slots import NOBODY, Holder, LearnerKey, UserId
from reconciler.report.common.words import holder_words, learner_words, moment_words
from reconciler.report.history.words import UNCOMMITTED
from reconciler.report.html.cells import link
from reconciler.report.html.sections import Section, SectionedPage, render_sections

if TYPE_CHECKING:
    from reconciler.commands.site import Centre

HOME, FIND, STAFF, COHORTS, RUNS, FINDINGS = "Centre", "Find", "Staff", "Cohorts", "Runs", "Findings"
_MENU = {HOME: "index", FIND: "find", STAFF: "staff", COHORTS: "cohorts", RUNS: "runs", FINDINGS: "findings"}


class Frame:
    """The pages of one centre as seen from one folder of the site; `up` leads to its top."""

    def __init__(self, centre: Centre, up: str = "") -> None:
        self.centre, self.up = centre, up

    @cached_property
    def below(self) -> Frame:
        """The same, for pages in a folder of the site."""
        return Frame(self.centre, "../")

    # -------------------------------------------------------------- pages

    def page(
        self,
        title: str,
        sections: Iterable[Section],
        *,
        place: str,
        lead: str = "",
        verdict: str = "",
        facts: Iterable[tuple[str, str]] = (),
        signed: bool = False,
    ) -> str:
        """Render a page with the menu and the time when it was made."""
        menu = [] if signed else self.menu
        page = SectionedPage(title, list(sections), menu, place, self.made, lead, verdict, list(facts), signed)
        return render_sections(page)

    @cached_property
    def menu(self) -> list[tuple[str, str]]:
        """Name and address of each main page."""
        names = [HOME, FIND] if self.centre.only else list(_MENU)
        return [(name, f"{self.up}{_MENU[name]}.html") for name in names]

    @cached_property
    def made(self) -> str:
        """The time at which the page was made, and the commit."""
        files = self.centre.files
        uncommitted = f" {UNCOMMITTED}" if files.uncommitted else ""
        commit = f"commit {files.commit}{uncommitted}" if files.commit else "files that are in no commit"
        return f"{moment_words(self.centre.now)} from {commit}"

    # -------------------------------------------------------------- links

    def staff(self, holder: Holder) -> str:
        """Return a holder, with a link to their page if there is one."""
        words = holder_words(holder, self.centre.names)
        handle = self.centre.names.handles.get(holder) if isinstance(holder, int) else None
        return link(words, self._staff_page(handle)) if handle else words

    def handle(self, handle: str | None) -> str:
        """Return a handle, with a link to the page if there is one."""
        return link(handle, self._staff_page(handle)) if handle else NOBODY

    def _staff_page(self, handle: str) -> str:
        only = self.centre.only
        return f"{self.up}{staff_file(handle)}" if only is None or only.handle == handle else ""

    def cohort(self, cohort: str) -> str:
        """Return a cohort, with a link to its page if there is one."""
        return cohort if self.centre.only or not cohort else link(cohort, f"{self.up}{cohort_file(cohort)}")

    def run(self, run: RunRow | int) -> str:
        """Return the number of a run, with a link to its page if there is one."""
        number = run if isinstance(run, int) else run.id
        known = number in self.centre.run_numbers and not self.centre.only
        return link(str(number), f"{self.up}{run_file(number)}" if known else "")

    def declared(self, learner: DeclaredLearner) -> str:
        """Return a learner, with a link to their page if there is one."""
        visible = learner.key in self.centre.visible
        return link(self.name(learner), f"{self.up}{learner_file(learner)}" if visible else "")

    def name(self, learner: DeclaredLearner) -> str:
        """Return a learner's label or id, and the name if the centre's settings always show names."""
        user = self.centre.users.get(learner.key, learner.id)
        return learner_words(user, learner.label, self.centre.people) if user else learner.name()

    def learner(self, user: UserId) -> str:
        """Return the learner with this OneFile id, with a link to their page if there is one."""
        if learner := self._by_user.get(user):
            return self.declared(learner)
        words = learner_words(user, "", self.centre.people)
        return words if self.centre.only else link(words, f"{self.up}learners/{user}.html")

    def may_see(self, user: UserId) -> bool:
        """Return whether the pages show this learner."""
        learner = self._by_user.get(user)
        return self.centre.only is None or (learner is not None and learner.key in self.centre.visible)

    @cached_property
    def _by_user(self) -> Mapping[UserId, DeclaredLearner]:
        users: Mapping[LearnerKey, UserId | None] = self.centre.users
        return {user: learner for learner in self.centre.declared.learners if (user := users[learner.key])}


def staff_file(handle: str) -> str:
    """Return the file of a member of staff."""
    return f"staff/{handle}.html"


def cohort_file(cohort: str) -> str:
    """Return the file of a cohort."""
    return f"cohorts/{cohort}.html"


def run_file(number: int) -> str:
    """Return the file of a run."""
    return f"runs/{number}.html"


def learner_file(learner: DeclaredLearner, folder: str = "learners") -> str:
    """Return the file of a learner; that of one who is declared by MISID has no part of it."""
    name = str(learner.id) if learner.id is not None else f"misid-{hashed(learner.misid or '')[:16]}"
    return f"{folder}/{name}.html"
