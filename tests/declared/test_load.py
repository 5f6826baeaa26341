"""The folder as a whole: what is found, what cannot be read, and what a command's scope leaves of it."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.declared.load import read_declared
from reconciler.problems import Invalid, Problem
from tests.declared.files import DAY, centre

BODY = "learners:\n  - {id: 200004, label: LRN-0042}\n  - {misid: LRN00043}\n"


def problems(state: Path, **scope: list[str]) -> tuple[Problem, ...]:
    with pytest.raises(Invalid) as stop:
        read_declared(state, DAY, cohorts=scope.get("cohorts", []), learners=scope.get("learners", []))
    return stop.value.problems


def told(state: Path, **scope: list[str]) -> list[tuple[str, str]]:
    """Place and words of each problem, the place seen from the folder above the state folder."""
    return [(problem.place().removeprefix(f"{state.parent}/"), problem.what) for problem in problems(state, **scope)]


# ------------------------------------------------------------------ what cannot be read


def test_a_state_folder_that_is_not_there_is_one_problem(tmp_path: Path) -> None:
    """Not one per file that it should have held."""
    assert told(tmp_path / "stat") == [("stat", "there is no such folder")]


def test_a_file_in_place_of_the_state_folder_is_one_problem(tmp_path: Path) -> None:
    """As when --state names the settings file itself."""
    (tmp_path / "state").write_text("version: 1\n", encoding="utf-8")
    assert told(tmp_path / "state") == [("state", "this is not a folder")]


def replaced_by_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def replaced_by_a_link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def replaced_by_a_link_to_nowhere(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.with_name("nowhere"))


def replaced_by_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("file", ["settings.yaml", "staff.yaml", "cohorts/care.yaml"])
@pytest.mark.parametrize(
    ("replace", "what"),
    [
        (replaced_by_a_folder, "this is not a file"),
        (replaced_by_a_link_to_itself, "the file cannot be read: too many levels of symbolic links"),
        (replaced_by_a_link_to_nowhere, "there is no such file"),
        (replaced_by_a_pipe, "this is not a file"),
    ],
)
def test_what_is_no_file_is_a_problem(tmp_path: Path, file: str, replace: Callable[[Path], None], what: str) -> None:
    """A pipe too: nothing waits for a writer that never comes."""
    state = centre(tmp_path, BODY)
    replace(state / file)
    assert told(state) == [(f"state/{file}", what)]


def test_a_link_to_a_file_is_read_as_the_file(tmp_path: Path) -> None:
    """Mounted configuration comes as links; sources name the link, as the user did."""
    state = centre(tmp_path, BODY)
    (state / "staff.yaml").rename(tmp_path / "shared.yaml")
    (state / "staff.yaml").symlink_to(tmp_path / "shared.yaml")
    assert len(read_declared(state, DAY).staff) == 7


@contextmanager
def nobody() -> Iterator[None]:
    """Rights mean nothing to root, so whoever is root looks at the files as another user."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(was)


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("state", "the folder cannot be read: permission denied"),
        ("state/cohorts", "the folder cannot be read: permission denied"),
        ("state/cohorts/care.yaml", "the file cannot be read: permission denied"),
    ],
)
def test_what_may_not_be_read_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, what: str
) -> None:
    """Files and folders alike, and nothing is taken for absent."""
    centre(tmp_path, BODY)
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    rights = Path(path).stat().st_mode
    Path(path).chmod(0)
    with nobody():
        found = told(Path("state"))
    Path(path).chmod(rights)
    assert found == [(path, what)]


def test_a_name_that_cannot_be_shown_is_a_problem(tmp_path: Path) -> None:
    """A line break in a file's name would break every message about it."""
    state = centre(tmp_path, BODY)
    (state / "cohorts" / "a\nb.yaml").write_text("version: 1\n", encoding="utf-8")
    (state / "cohorts" / os.fsdecode(b"\xff.yaml")).write_text("version: 1\n", encoding="utf-8")
    assert told(state) == [
        ("state/cohorts", "the file name '\\udcff.yaml' has characters that cannot be shown"),
        ("state/cohorts", "the file name 'a\\u000ab.yaml' has characters that cannot be shown"),
    ]


def test_a_yaml_file_in_the_wrong_place_is_a_warning(tmp_path: Path) -> None:
    """It is not read, and that should not surprise anybody; other files are nobody's business."""
    state = centre(tmp_path, BODY)
    (state / "care-l5.yaml").write_text("version: 1\n", encoding="utf-8")
    (state / "README.md").write_text("Our centre.\n", encoding="utf-8")
    (state / "cohorts" / ".care.yaml").write_text("an editor's own", encoding="utf-8")
    [warning] = read_declared(state, DAY).warnings
    assert warning.place().endswith("state/care-l5.yaml")
    assert warning.severity == "warning"


@pytest.mark.parametrize("name", ["settings.yml", "Staff.YML"])
def test_settings_or_staff_under_a_wrong_name_is_an_error(tmp_path: Path, name: str) -> None:
    """Else the rules in it would silently not hold."""
    state = centre(tmp_path, BODY)
    (state / name).write_text("version: 1\n", encoding="utf-8")
    assert told(state) == [(f"state/{name}", "this file is not read")]


def test_the_garbage_collector_is_left_as_it_was(tmp_path: Path) -> None:
    """Also when reading ends in problems."""
    read_declared(centre(tmp_path, BODY), DAY)
    assert gc.isenabled()
    problems(tmp_path / "none")
    assert gc.isenabled()


def test_paths_are_told_as_they_were_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Annotations on a pull request need the path from the repository's top."""
    centre(tmp_path, BODY)
    monkeypatch.chdir(tmp_path)
    declared = read_declared(Path("./state"), DAY)
    assert declared.learners[0].source.file == "state/cohorts/care.yaml"
    assert declared.settings.source.file == "state/settings.yaml"


# ------------------------------------------------------------------ scope


def chosen(state: Path, **scope: list[str]) -> list[object]:
    declared = read_declared(state, DAY, cohorts=scope.get("cohorts", []), learners=scope.get("learners", []))
    return [learner.id or learner.misid for learner in declared.learners]


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Two cohorts with two learners and one, and an empty one."""
    return centre(tmp_path, BODY, arts="learners: [{id: 7, label: '200004'}, {id: 8}]\n", empty="learners: []\n")


def test_scope_narrows_by_cohort_and_by_any_name_of_a_learner(two: Path) -> None:
    """Id, misid and label name a learner; both options together narrow twice; no learner is listed twice."""
    assert chosen(two, cohorts=["arts"]) == [7, 8]
    assert chosen(two, cohorts=["arts", "care"]) == [7, 8, "LRN00043", 200004]
    assert chosen(two, cohorts=["empty"]) == []
    assert chosen(two, learners=["8", "LRN00043", "LRN-0042", "8"]) == [8, "LRN00043", 200004]
    assert chosen(two, cohorts=["care"], learners=["LRN-0042"]) == [200004]


def test_an_unknown_scope_is_a_problem_with_the_nearest_name(two: Path) -> None:
    """Planning for nobody would look like everything being in order."""
    found = problems(two, cohorts=["cares"])
    assert [(problem.place(), problem.what) for problem in found] == [("--cohort", "there is no cohort 'cares'")]
    assert found[0].fix.startswith("Did you mean care?")
    found = problems(two, learners=["LRN-0043", "nothing like it"])
    assert [problem.what for problem in found] == [
        "no cohort file declares a learner 'LRN-0043'",
        "no cohort file declares a learner 'nothing like it'",
    ]
    (slip,) = problems(two, learners=["lrn-0042"])
    assert slip.fix.startswith("Did you mean LRN-0042?")


@pytest.mark.parametrize("name", ["LRN-0043", "200005", "20004", "43", "LRN00044"])
def test_another_number_is_not_offered_for_a_learner(two: Path, name: str) -> None:
    """However near it is, it is another person; what to look for is said instead."""
    (problem,) = problems(two, learners=[name])
    assert "Did you mean" not in problem.fix
    assert "If the file has the misid only, use that" in problem.fix


def test_a_name_of_two_learners_or_of_one_elsewhere_is_a_problem(two: Path) -> None:
    """200004 is one learner's id and another's label; 8 stands in arts only."""
    assert [where for where, _ in told(two, learners=["200004"])] == ["--learner"]
    assert told(two, cohorts=["care"], learners=["8"]) == [
        ("--learner", "learner '8' is in cohort arts, which --cohort does not name")
    ]


def test_scope_never_narrows_the_checking(two: Path) -> None:
    """A fault in another cohort still stops the run, and a wrong scope is told with it."""
    (two / "cohorts" / "arts.yaml").write_text("version: 1\ncohort: arts\n", encoding="utf-8")
    assert [what for _, what in told(two, cohorts=["care", "cares"])] == [
        "there is no cohort 'cares'",
        "the file lacks learners",
    ]
