"""Whatever stands in a row of the store, each method answers or names the row: never anything unforeseen."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from reconciler.model.operations import State
from reconciler.model.slots import Site, Slot, SlotKind
from reconciler.problems import Locked, StoreError
from reconciler.store import AppliedCohort, Observation, Store
from reconciler.store.schema import TABLES
from tests.store.parts import JAMES, KATE, LEARNER, NOON, HandClock, acquire, aim, begin

SITE = Site("sandbox", 5740)
SLOT = Slot(SlotKind.DEFAULT_ASSESSOR)
BENDS = {
    "text": "half a row",
    "cut JSON": '[["default_ass',
    "list in list": "[[]]",
    "no UTF-8": "CAST(x'ff80' AS TEXT)",
    "huge": 2**62,
    "infinite": "9e999",
    "nothing": None,
}
AS_SQL = ("no UTF-8", "infinite")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a store with a row in each table: a dead run with every state, a live one, and what both have found out."""
    path = tmp_path_factory.mktemp("bent") / "store.db"
    with Store.open(str(path), clock=HandClock()) as store:
        run = begin(store)
        planned = [aim(number) for number in range(1, 6)]
        store.plan_operations(run, planned)
        for operation, state in zip(planned, (State.SENT, State.UNKNOWN, State.FAILED, State.DONE), strict=False):
            store.append(run, operation.id, state)
        ended = begin(store)
        store.plan_operations(ended, [aim(9)])
        store.append(ended, aim(9).id, State.DONE)
        store.end_run(ended, exit_code=0, summary={"done": 1})
        store.record(SITE, [(LEARNER, SLOT, KATE)], run=run)
        store.observe_issues(SITE, "drift", {(LEARNER, SLOT): Observation(JAMES, KATE)}, lambda _: "")
        store.set_cohorts(SITE, {"care-2026": AppliedCohort(5740, frozenset({LEARNER}))})
        store.see(SITE, [(LEARNER, SLOT, KATE)])
        store.set_capabilities(SITE, "account", {"page_rows": "50"})
        store.ledger("account").reserve(1)
        store.ledger("account").pause(5)
        acquire(store, run=run)
        store.break_lock(SITE, by="james", reason="a trial")
        acquire(store, run=run)
    with closing(sqlite3.connect(path)) as connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.commit()
    return path


@pytest.fixture
def filled(original: Path, tmp_path: Path) -> Path:
    shutil.copy(original, tmp_path / "store.db")
    return tmp_path / "store.db"


def bend(path: Path, table: str, column: str, name: str) -> bool:
    """Put the value in each row; False if the column is a key or takes no such value, so that nothing is bent."""
    with closing(sqlite3.connect(path)) as connection:
        value = BENDS[name]
        change = f'UPDATE {table} SET "{column}" = {value if name in AS_SQL else "?"}'
        try:
            connection.execute(change, () if name in AS_SQL else (value,))
        except sqlite3.IntegrityError:
            return False
        connection.commit()
        return True


def ask_everything(store: Store) -> list[StoreError]:
    """Call every method that commands use, and return what they raised."""
    ledger, raised = store.ledger("account"), []
    for ask in (
        lambda: store.runs(),
        lambda: store.run(1),
        lambda: store.approved(SITE),
        lambda: store.corrections(SITE, NOON),
        lambda: store.journal(1),
        lambda: store.writes_to([LEARNER]),
        lambda: [row.state for row in store.open_operations(SITE)],
        lambda: store.cut_off(SITE, before=9),
        lambda: store.failed(SITE),
        lambda: store.unknown(SITE),
        lambda: store.written_since(store.last_event(), SITE, run=2),
        lambda: sorted(store.recorded(SITE)),
        lambda: sorted(store.recorded(SITE, [LEARNER])),
        lambda: sorted(store.last_applied(SITE, [LEARNER])),
        lambda: store.has_record(SITE),
        lambda: store.capabilities(SITE, "account"),
        lambda: store.cohorts(SITE),
        lambda: store.sharers(SITE),
        lambda: store.sites(),
        lambda: store.seen(SITE, [LEARNER]),
        lambda: store.issues(SITE, "drift", ended_since=NOON),
        lambda: store.observe_issues(SITE, "drift", {}, lambda _: "over"),
        lambda: store.holder(SITE),
        lambda: acquire(store),
        lambda: ledger.reserve(1),
        lambda: ledger.reserve(9),
        lambda: ledger.spent(),
        lambda: begin(store),
        lambda: store.append(1, aim(5).id, State.NOT_TRIED),
        lambda: store.resolve(1, aim(2).id, State.DONE, by="kate", reason="seen"),
        lambda: store.record(SITE, [(LEARNER, SLOT, JAMES)], run=1),
    ):
        try:
            with suppress(Locked):
                ask()
        except StoreError as error:
            raised.append(error)
    return raised


COLUMNS = [
    (table, line.split()[0].strip('"'))
    for table, columns in TABLES.items()
    for line in columns.split(",\n")
    if not line.split()[0].isupper()
]


@pytest.mark.parametrize(("table", "column"), COLUMNS, ids=str)
def test_a_bent_row_is_named_and_nothing_is_unforeseen(
    original: Path, tmp_path: Path, clock: HandClock, table: str, column: str
) -> None:
    """Every column of every table, with what neither this program nor its older versions put there."""
    for name in BENDS:
        filled = tmp_path / f"{name}.db"
        shutil.copy(original, filled)
        if not bend(filled, table, column, name):
            continue
        try:
            with Store.open(str(filled), clock=clock, patience=0.1) as store:
                raised = ask_everything(store)
        except StoreError as error:
            raised = [error]
        for error in raised:
            (problem,) = error.problems
            assert problem.place() in (str(filled), "run 1") and "Please report" not in problem.fix, (name, problem)


def test_a_row_is_named_with_what_still_works(filled: Path, clock: HandClock) -> None:
    """The table, the row, and the commands that do without."""
    bend(filled, "operations", "moves", "cut JSON")
    with Store.open(str(filled), clock=clock) as store, pytest.raises(StoreError) as refused:
        store.journal(1)
    (problem,) = refused.value.problems
    assert "table operations, operation" in problem.what and "of run 1" in problem.what
    assert "backup" in problem.fix and "validate" in problem.fix
