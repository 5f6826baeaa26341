"""Doctor checks without calls: files, the target's address, the token, the store and its lock."""

from __future__ import annotations

from collections import Counter

from reconciler.declared.folder import list_state_folder
from reconciler.declared.load import read_all
from reconciler.doctor.checks import Checks, CheckStatus, Name, failed, failed_with, fine, nothing, skipped, unknown
from reconciler.model.declared import Declared, Settings
from reconciler.model.history import READ_DAILY
from reconciler.model.slots import Site
from reconciler.model.structs import replace
from reconciler.onefile.targets import Target, resolve_target
from reconciler.problems import Invalid, Problem, ReconcilerError, StoreError
from reconciler.runtime.declared_state import read_state
from reconciler.runtime.environment import Environment
from reconciler.runtime.options import Options
from reconciler.runtime.pipelines import has_placeholder, pipelines_of
from reconciler.runtime.schema_copies import has_schemas, other_schemas, stale_handles
from reconciler.runtime.store_address import store_of
from reconciler.runtime.token import TOKEN, customer_token, has_token, origin_of
from reconciler.store import Store
from reconciler.text import listed, number_of


class LocalChecks:
    """Local checks. Each method notes its checks and returns what the next ones need, or nothing if it failed."""

    def __init__(self, options: Options, environment: Environment, checks: Checks) -> None:
        self._options, self._environment, self._checks = options, environment, checks
        self._note = checks.note

    def configuration(self) -> Declared | None:
        try:
            declared = read_state(self._options, self._environment)
        except ReconcilerError as error:
            failure = failed_with(Name.CONFIGURATION, error)
            if self._has_nobody_yet():
                failure = replace(failure, fix="`reconciler import` writes these files from what OneFile holds.")
            self._note(failure)
            return None
        warned = number_of(len(declared.warnings), "warning")
        warnings = f"; {warned}, see `reconciler validate`" if declared.warnings else ""
        slots = number_of(sum(len(learner.slots) for learner in declared.learners), "slot")
        valid = f"valid on {declared.day}: {number_of(len(declared.learners), 'learner')}, {slots}{warnings}"
        self._note(fine(Name.CONFIGURATION, valid))
        return declared

    def _has_nobody_yet(self) -> bool:
        """Return True for settings alone, as `init --begin-with import` leaves it."""
        folder = list_state_folder(self._options.state)
        return folder.settings.is_file() and not folder.staff.exists() and not folder.cohorts

    def leavers(self, declared: Declared | None) -> None:
        """Check that people who have left, by a cover without an end, have no slot in their name."""
        if declared is None:
            self._note(skipped(Name.LEAVERS, "the files cannot be read"))
            return
        left = {
            member.handle
            for member in declared.staff.values()
            for cover in member.cover
            if cover.end is None and cover.start <= declared.day
        }
        wanted = [wanted for learner in declared.learners for wanted in learner.slots.values()]
        named = Counter(handle for holder in wanted for handle in holder.in_names)
        slots = {handle: named[handle] for handle in sorted(left) if named[handle]}
        if slots:
            first, words = next(iter(slots)), [f"{handle} has {number_of(slots[handle], 'slot')}" for handle in slots]
            fix = f"Run `reconciler share-out {first}` and apply. If `reconciler who {first} --read` is then empty, "
            fix += "archive them in OneFile."
            self._note(unknown(Name.LEAVERS, f"still in their name: {', '.join(words)}", fix))
        elif left:
            self._note(fine(Name.LEAVERS, f"no slot is in the name of {listed(sorted(left), 'or')}"))
        else:
            self._note(nothing(Name.LEAVERS, "nobody has a cover without an end"))

    def schemas(self) -> None:
        """Check the copies beside the state folder, which editors use to check the files."""
        top = self._options.state.absolute().parent
        if not has_schemas(top):
            self._note(nothing(Name.SCHEMAS, "none beside the state folder"))
        elif outdated := other_schemas(top):
            fix = "Run `reconciler init --schemas` to renew them; an editor may reject valid files until then."
            self._note(unknown(Name.SCHEMAS, f"not this version's: {', '.join(outdated)}", fix))
        elif stale := stale_handles(self._options.state):
            fix = "Run `reconciler fmt` to update them; an editor may reject new handles until then."
            self._note(unknown(Name.SCHEMAS, f"without the handles of staff.yaml: {', '.join(stale)}", fix))
        else:
            self._note(fine(Name.SCHEMAS, "this version's"))

    def pipelines(self) -> None:
        """Check that the pipelines name the program that they run, and not the words of the guide."""
        top = self._options.state.absolute().parent
        files = pipelines_of(top)
        if placeholders := [name for name, text in files.items() if has_placeholder(text)]:
            fix = "Replace OWNER and COMMIT with the account and the full commit id of the version that you trust."
            self._note(unknown(Name.PIPELINES, f"OWNER or COMMIT is not replaced in {', '.join(placeholders)}", fix))
        elif files:
            self._note(fine(Name.PIPELINES, number_of(len(files), "file")))
        else:
            self._note(nothing(Name.PIPELINES, "none beside the state folder"))

    def settings_alone(self) -> Settings | None:
        """Return the settings, if only other files are wrong."""
        return read_all(list_state_folder(self._options.state), self._options.day(self._environment.today())).settings

    def target(self, settings: Settings | None) -> Target | None:
        base_url = self._environment.variables.get("ONEFILE_BASE_URL")
        name = self._options.target or (settings.target if settings else "")
        if not name and not (base_url or "").strip():
            self._note(skipped(Name.TARGET, "the settings cannot be read, and no --target is given"))
            return None
        try:
            target = resolve_target(name, base_url)
        except ReconcilerError as error:
            self._note(failed_with(Name.TARGET, error))
            return None
        self._note(fine(Name.TARGET, _target_words(target)))
        return target

    def token(self, target: Target | None) -> bool:
        if target is not None and target.embedded:
            self._note(nothing(Name.TOKEN, "the embedded sandbox needs none"))
            return True
        if self._checks.found[Name.TARGET].verdict is CheckStatus.SKIPPED and not has_token(self._environment):
            self._note(skipped(Name.TOKEN, "it is not known which OneFile is meant; the sandbox needs none"))
            return False
        if not has_token(self._environment):
            fix = f"Set {TOKEN} to the customer token that OneFile support issued."
            self._note(failed_with(Name.TOKEN, Invalid(Problem("not set", fix, where=TOKEN))))
            return False
        try:
            customer_token(self._environment)
        except ReconcilerError as error:
            self._note(failed_with(Name.TOKEN, error))
            return False
        self._note(fine(Name.TOKEN, f"set in {origin_of(self._environment)}"))
        return True

    def store(self, target: Target | None, settings: Settings | None) -> bool:
        url = self._options.store_url(self._environment.variables)
        if not self._options.store and url == self._options.store_url({}) and not self._options.state.is_dir():
            self._note(nothing(Name.STORE, "not made, because there is no state folder"))
            return False
        try:
            with store_of(self._options, self._environment) as store:
                shared = _sharers(store, Site(target.name, settings.organisation)) if target and settings else ""
                self._note(fine(Name.STORE, f"{store.check_writable()}{shared}"))
                if target is not None and settings is not None:
                    site = Site(target.name, settings.organisation)
                    self._lock(store, site)
                    self._last_reading(store, site)
        except StoreError as error:
            self._note(failed_with(Name.STORE, error))
            return False
        return True

    def _last_reading(self, store: Store, site: Site) -> None:
        """Report the age of the newest complete reading: a daily job whose schedule is off says nothing itself."""
        read_at = store.last_reading(site)
        if read_at is None:
            self._note(nothing(Name.LAST_READING, "none is recorded here"))
            return
        age = store.now() - read_at
        taken = f"{read_at:%Y-%m-%d %H:%M} UTC"
        if age < READ_DAILY:
            self._note(fine(Name.LAST_READING, taken))
            return
        fix = (
            "If a job should read daily, check that its schedule is on: GitHub switches schedules off after 60 days "
            "without a commit."
        )
        self._note(unknown(Name.LAST_READING, f"{taken}, {number_of(age.days, 'day')} ago", fix))

    def _lock(self, store: Store, site: Site) -> None:
        if lease := store.holder(site):
            held = f"held by {lease.holder} on {lease.host}, `{lease.command}`, until {lease.until:%H:%M:%S} UTC"
            fix = "Wait for it to end. If it is dead, `reconciler unlock` breaks the lock."
            self._note(unknown(Name.LOCK, held, fix))
            self._note(skipped(Name.UNFINISHED, "what is open may be the work of who holds the lock"))
            return
        self._note(fine(Name.LOCK, "nobody holds it"))
        rows = (*store.open_operations(site), *store.unknown(site))
        if not rows:
            self._note(fine(Name.UNFINISHED, "none"))
            return
        runs = ", ".join(map(str, sorted({row.run for row in rows})))
        result = f"{len(rows)} whose end is not known, of run {runs}"
        fix = "Run `reconciler apply`: it settles by reading what can be read. `reconciler history RUN` shows the rest."
        self._note(failed(Name.UNFINISHED, result, fix))


def _sharers(store: Store, site: Site) -> str:
    """Return the other repositories that apply to the same organisation, in words."""
    others = [f"{repository} (cohorts {', '.join(cohorts)})" for repository, cohorts in store.sharers(site).items()]
    return f"; shared for organisation {site.organisation} with {' and '.join(others)}" if others else ""


def _target_words(target: Target) -> str:
    if target.embedded:
        return "sandbox, in this process: nothing leaves this machine"
    how = "https" if target.base_url.startswith("https:") else "plain http, on this machine only"
    name = "" if target.name == target.base_url else f"{target.name}, "
    return f"{name}{target.base_url} ({how})"
