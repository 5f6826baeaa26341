"""Runs a fleet of centres night after night while its processes are killed, and checks every slot and call.

    python -m benchmarks.night --folder night             200 centres, 7 days; goes on where it was ended
    python -m benchmarks.night --folder night --report    writes benchmarks/night.md from what was measured
    python -m benchmarks.night --folder small --centres 20 --days 2 --largest 300 --calls-per-minute 600

Each day: files are edited and committed as a merge leaves them, somebody edits in OneFile, `fleet apply` carries out
the merge in the centres that it edited, and `fleet drift --correct --due` is the daily job of all centres. Meanwhile
worker processes and processes of centres end by SIGKILL, PostgreSQL restarts, sessions of one token expire all the
time, another token is throttled to a quarter of what the settings say, and the files of one centre are never valid.
After each day one line of results is appended to `days.jsonl`. With --local, one process runs the fleet, without a
queue.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import psycopg

from benchmarks.night_report import report
from benchmarks.night_world import EDITED_SHARE, Centre, Group, Place
from onefile_sandbox.app import create_app
from onefile_sandbox.customers import Customers
from onefile_sandbox.serve import serving
from onefile_sandbox.switches import Switches
from tests.postgres import Cluster

CUSTOMERS = 12
EXPIRING, THROTTLED = -2, -1  # customers by position
SESSION_SECONDS = 30
RETRY_SECONDS = (5, 15, 45)
MOST_KILLS = 2  # of one centre in a night, alone or with its worker: each begins its reading again
LONGEST_WAIT, WAIT_SECONDS = 1.1, 120  # times the calls of its token, and for retries: no centre's job begins later
ROUNDS = 4  # in which centres that failed run once more, as a person would have it done in the morning
STORE, QUEUE = "NIGHT_STORE", "NIGHT_QUEUE"


@dataclass(frozen=True)
class Night:
    """The size of a run, and how much is done to it."""

    folder: Path
    centres: int = 200
    largest: int = 10_000
    customers: int = CUSTOMERS
    calls_per_minute: int = 200
    jobs: int = 16
    workers: int = 2
    kill_seconds: float = 40.0  # on average between two kills
    local: bool = False
    seed: int = 1


@dataclass
class Day:
    """One line of results. Times are seconds; `faults` is empty if everything was as it must be."""

    day: int
    centres: int
    learners: int
    local: bool
    calls_per_minute: int
    seconds: float = 0.0
    merge_seconds: float = 0.0  # of these, until the merges were applied
    commands: int = 0
    rounds: int = 0
    moves: int = 0
    drifts: int = 0
    writes: int = 0
    calls: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    busiest: list[int] = field(default_factory=list)
    least: float = 0.0
    least_sliding: float = 0.0
    workers_killed: int = 0
    centres_killed: int = 0
    restarts: int = 0
    smallest_ended: float = 0.0
    longest_wait: float = 0.0  # of a centre's daily job, beyond what the calls of its token take
    last_first_begun: float = 0.0
    processor: float = 0.0
    centre_mib: float = 0.0
    worker_mib: float = 0.0
    connections: int = 0
    connections_by: dict[str, int] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    unfollowed: list[str] = field(default_factory=list)  # commands that ended before their centres
    faults: list[str] = field(default_factory=list)


# ------------------------------------------------------------------ OneFile


class OneFile:
    """The customers of a group under one base URL, in this process."""

    def __init__(self, night: Night, group: Group) -> None:
        self.group = group
        self.apis = []
        apps = {}
        for number, world in enumerate(group.worlds):
            switches = Switches(last_modified="bumped", rate_limit=night.calls_per_minute)
            if number == len(group.worlds) + THROTTLED:
                switches = switches.changed({"rate_limit": max(1, night.calls_per_minute // 4)})
            if number == len(group.worlds) + EXPIRING:
                switches = switches.changed({"session_hours": SESSION_SECONDS / 3600})
            app = create_app(world, switches, customer_token=token(number))
            apps[token(number)] = app
            self.apis.append(app.state.api)
        self.app = Customers(apps)

    def forget(self) -> None:
        for api in self.apis:
            api.calls.clear()

    def answered(self) -> list[int]:
        """Return the calls of each token that were answered."""
        return [sum(call["status"] != 429 for call in api.calls) for api in self.apis]

    def least_seconds(self, calls: Sequence[int]) -> float:
        """Return the calls of a token by its limit, for the token that needs longest."""
        return max(60 * count / api.switches.rate_limit for api, count in zip(self.apis, calls, strict=True))

    def least_sliding_seconds(self) -> float:
        """Return the same for a window that lets the first minute's calls through at once."""
        counts = zip(self.apis, self.answered(), strict=True)
        return max(60.0 * (max(0, count - 1) // api.switches.rate_limit) for api, count in counts)


def token(customer: int) -> str:
    return f"invented-token-{customer:02d}"


def busiest_minute(calls: Sequence[Mapping[str, object]]) -> int:
    """Return the most calls that arrived in any 60 seconds and were not refused."""
    times = [datetime.fromisoformat(str(call["at"])).timestamp() for call in calls if call["status"] != 429]
    most = first = 0
    for last, moment in enumerate(times):
        while moment - times[first] >= 60:
            first += 1
        most = max(most, last - first + 1)
    return most


# ------------------------------------------------------------------ the machine


def descendants(parents: Sequence[int]) -> list[int]:
    """Return the processes that these have started, and those that they have started."""
    children: dict[int, list[int]] = defaultdict(list)
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            children[int((folder / "stat").read_text("utf-8").rpartition(")")[2].split()[1])].append(int(folder.name))
    below, todo = [], list(parents)
    while todo:
        ours = children[todo.pop()]
        below += ours
        todo += ours
    return below


def is_centre(process: int) -> bool:
    """Return True for the process of one centre's command."""
    with suppress(OSError):
        words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
        return b"reconciler" in words and b"--state" in words
    return False


def folder_of(process: int) -> str:
    with suppress(OSError):
        return str(Path(f"/proc/{process}/cwd").readlink())
    return ""


def peak_mib(process: int) -> float:
    with suppress(OSError, ValueError):
        lines = Path(f"/proc/{process}/status").read_text("utf-8").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
    return 0.0


class Machine:
    """The workers, the kills, and what the processes and connections cost. Ends what it began, and nothing else."""

    def __init__(
        self, night: Night, cluster: Cluster, environment: Mapping[str, str], chance: Random, day: Day
    ) -> None:
        self._night, self._cluster, self._environment, self._chance = night, cluster, environment, chance
        self._day = day
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._workers: list[subprocess.Popen[bytes]] = []
        self._command: subprocess.Popen[str] | None = None
        self._kills: Counter[str] = Counter()  # by the folder of the centre

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Keep the workers alive and kill some; restart PostgreSQL once; measure."""
        used = _children_seconds()
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()
            processes = [*self._workers, *([self._command] if self._command else [])]
            for process in processes:
                process.terminate()
            for process in processes:
                _awaited(process)
            self._workers.clear()
            self._end_orphans()
            self._day.processor = round(_children_seconds() - used, 1)

    def _end_orphans(self) -> None:
        """End the processes of centres whose worker was killed: no work of this night goes on into the next."""
        ours = f"{self._night.folder.resolve()}/"
        for process in (int(folder.name) for folder in Path("/proc").glob("[0-9]*")):
            if is_centre(process) and folder_of(process).startswith(ours):
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)

    def run(self, *command: str) -> tuple[int, dict[str, Any]]:
        """Run a command of the fleet and return its exit code and report."""
        with self._lock:
            self._command = subprocess.Popen(  # noqa: S603  our own interpreter and package
                [sys.executable, "-m", "reconciler", "fleet", *command, "--format", "json", "--no-color"],
                cwd=self._night.folder,
                env=dict(self._environment),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        out, err = self._command.communicate()
        try:
            return self._command.returncode, json.loads(out)
        except ValueError:
            return self._command.returncode, {"problems": [{"what": err[-2000:] or out[-2000:]}]}

    def _watch(self) -> None:
        began = time.monotonic()
        next_kill, restart_at = self._pause(began), began + 2.5 * self._night.kill_seconds
        while not self._ended.wait(0.5):
            self._keep_workers()
            self._measure()
            if time.monotonic() > restart_at:
                self._cluster.restart()
                self._counted("restarts")
                restart_at = float("inf")
            if time.monotonic() > next_kill:
                self._kill()
                next_kill = self._pause(time.monotonic())

    def _pause(self, now: float) -> float:
        return now + self._chance.uniform(0.3, 1.7) * self._night.kill_seconds

    def _keep_workers(self) -> None:
        """Start a worker for each that has ended, as a machine's supervisor does."""
        if self._night.local:
            return
        self._workers = [worker for worker in self._workers if worker.poll() is None]
        for _ in range(self._night.workers - len(self._workers)):
            with (self._night.folder / "workers.log").open("ab") as log:
                self._workers.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "reconciler", "fleet", "work"],
                        cwd=self._night.folder,
                        env=dict(self._environment),
                        stdout=log,
                        stderr=log,
                    )
                )

    def _parents(self) -> list[int]:
        with self._lock:
            command = [self._command.pid] if self._command and self._night.local else []
        return [*command, *(worker.pid for worker in self._workers)]

    def _kill(self) -> None:
        """Kill a worker, or the process of a centre, but no centre so often that its retries are used up."""
        workers = {worker: self._running([worker.pid]) for worker in self._workers}
        workers = {worker: running for worker, running in workers.items() if not self._is_used_up(running.values())}
        centres = [item for item in self._running(self._parents()).items() if not self._is_used_up(item[1:])]
        if workers and self._chance.random() < 0.35:
            worker = self._chance.choice(list(workers))
            worker.kill()
            self._kills.update(workers[worker].values())
            self._counted("workers_killed")
        elif centres:
            process, folder = self._chance.choice(centres)
            self._kills[folder] += 1
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
                self._counted("centres_killed")

    def _is_used_up(self, folders: Iterable[str]) -> bool:
        """Return True if a centre was killed, alone or with its worker, as often as it may be."""
        return any(self._kills[folder] >= MOST_KILLS for folder in folders)

    @staticmethod
    def _running(parents: Sequence[int]) -> dict[int, str]:
        """Return the processes of centres that these have started, with their folders."""
        return {process: folder_of(process) for process in descendants(parents) if is_centre(process)}

    def _counted(self, name: str) -> None:
        setattr(self._day, name, getattr(self._day, name) + 1)

    def _measure(self) -> None:
        day = self._day
        for process in descendants(self._parents()):
            if is_centre(process):
                day.centre_mib = max(day.centre_mib, round(peak_mib(process), 1))
        for worker in self._workers:
            day.worker_mib = max(day.worker_mib, round(peak_mib(worker.pid), 1))
        with suppress(psycopg.Error), psycopg.connect(self._cluster.url()) as connection:
            rows = connection.execute(
                "SELECT datname || ' ' || application_name, count(*) FROM pg_stat_activity "
                "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() GROUP BY 1"
            ).fetchall()
            day.connections = max(day.connections, sum(count for _, count in rows))
            for name, count in rows:
                day.connections_by[name] = max(day.connections_by.get(name, 0), count)


def _awaited(process: subprocess.Popen[Any]) -> None:
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _children_seconds() -> float:
    times = os.times()
    return times.children_user + times.children_system


# ------------------------------------------------------------------ a day


class Week:
    """A fleet over several days."""

    def __init__(self, night: Night, stack: ExitStack) -> None:
        self.night = night
        night.folder.mkdir(parents=True, exist_ok=True)
        self.group = Group(
            night.folder, centres=night.centres, customers=night.customers, largest=night.largest, seed=night.seed
        )
        self.onefile = OneFile(night, self.group)
        self.url = stack.enter_context(serving(self.onefile.app, port=_port(night.folder)))
        self.cluster = stack.enter_context(Cluster.running(night.folder / "postgres"))
        for name in ("store", "queue"):
            self.cluster.create(name)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("ONEFILE_", "RECONCILER_"))},
            **{f"NIGHT_TOKEN_{number:02d}": token(number) for number in range(night.customers)},
            STORE: self.cluster.url("store"),
            QUEUE: self.cluster.url("queue"),
        }
        self._line = 0

    @property
    def results(self) -> Path:
        return self.night.folder / "days.jsonl"

    def next_day(self) -> int:
        return len(self.results.read_text("utf-8").splitlines()) + 1 if self.results.exists() else 1

    def live(self) -> Day:
        """Live through the next day, and append its results."""
        night, number = self.night, self.next_day()
        chance = Random(f"{night.seed} {number}")  # noqa: S311  a fixed course of events, no secret
        learners = sum(centre.learners for centre in self.group.centres)
        day = Day(number, night.centres, learners, night.local, night.calls_per_minute)
        edited, moved, drifted = self._edits(chance, first=number == 1)
        day.moves, day.drifts = len(moved), len(drifted)
        before = [len(log.read_bytes().splitlines()) for log in self.group.logs]
        self.onefile.forget()
        machine = Machine(night, self.cluster, self.environment, chance, day)
        began, began_at = time.monotonic(), datetime.now(UTC)
        with machine.watched():
            rows = self._until_fine(machine, day, "apply", "--auto-approve", *self._only(edited))
            day.merge_seconds, merge_calls = round(time.monotonic() - began, 1), self.onefile.answered()
            job_began_at = datetime.now(UTC)
            jobs = self._until_fine(machine, day, "drift", "--correct", "--due")
            day.seconds = round(time.monotonic() - began, 1)
        rows |= jobs
        job_calls = [all_ - merge for all_, merge in zip(self.onefile.answered(), merge_calls, strict=True)]
        day.least = round(self.onefile.least_seconds(merge_calls) + self.onefile.least_seconds(job_calls), 1)
        day.least_sliding = round(self.onefile.least_sliding_seconds(), 1)
        day.codes = dict(Counter(str(row["exit_code"]) for row in rows.values()))
        self._check_results(day, rows, began_at)
        self._check_waits(day, jobs, job_began_at, job_calls)
        self._check_status(machine, day)
        self._check_writes(day, moved | drifted, before)
        self._check_calls(day)
        with self.results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(day)) + "\n")
        return day

    def _edits(self, chance: Random, *, first: bool) -> tuple[list[Centre], set[Place], set[Place]]:
        """Edit the files and OneFile, and commit; return the centres whose files changed, and the slots of both.

        On the first day all files are new, and everything is as OneFile has it.
        """
        moved: set[Place] = set()
        drifted: set[Place] = set()
        edited = []
        for centre in self.group.centres:
            mine: set[Place] = set()
            if not first and centre is not self.group.failing:
                mine = centre.move(chance) if chance.random() < EDITED_SHARE else set()
                drifted |= centre.drift(chance, mine, self.onefile.apis[centre.customer].switches)
                moved |= mine
            if first or mine:
                edited.append(centre)
            centre.write(self.night.folder / centre.name / "state", self.night.calls_per_minute)
        invalid = self.night.folder / self.group.failing.name / "state" / "cohorts" / "invalid.yaml"
        invalid.write_text("version: 1\ncohort: invalid\nlearners:\n  - id: 1\n    default_assessor: nobody\n", "utf-8")
        self._write_fleet()
        self.group.save()
        self._commit()
        return edited, moved, drifted

    def _commit(self) -> None:
        git = ("git", "-C", str(self.night.folder), "-c", "user.name=night", "-c", "user.email=night@example.org")
        for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "--allow-empty", "-m", "merge"]):
            subprocess.run([*git, *command], check=True)  # noqa: S603  git alone

    @staticmethod
    def _only(centres: Sequence[Centre]) -> Iterator[str]:
        for centre in centres:
            yield from ("--only", centre.name)

    def _write_fleet(self) -> None:
        night = self.night
        centres = {
            centre.name: {
                "organisation": centre.organisation,
                "folder": f"{centre.name}/state",
                "target": self.url,
                "token": f"NIGHT_TOKEN_{centre.customer:02d}",
                "store": STORE,
            }
            for centre in self.group.centres
        }
        queue = {"database": QUEUE, "jobs": night.jobs, "jobs_per_token": 2, "retry_seconds": list(RETRY_SECONDS)}
        at_a_time = night.jobs if night.local else -(-night.jobs // night.workers)
        fleet = {"version": 1, "fleet": "night", "jobs": at_a_time, "centres": centres}
        fleet |= {} if night.local else {"queue": queue}
        (night.folder / "fleet.yaml").write_text(json.dumps(fleet, indent=1), "utf-8")
        (night.folder / ".gitignore").write_text(
            ".reconciler/\npostgres/\n*.jsonl\n*.log\nport\ndeclared.json\n", "utf-8"
        )

    def _until_fine(self, machine: Machine, day: Day, *command: str) -> dict[str, dict[str, Any]]:
        """Run a command, and again for the centres that failed, until only the one that always fails is left."""
        how = () if self.night.local else ("--queue", "--wait")
        rows: dict[str, dict[str, Any]] = {}
        for turn in range(ROUNDS):
            code, document = machine.run(*command, *(("--failed",) if turn else ()), *how)
            if "problems" in document:
                what = [problem["what"] for problem in document["problems"]]
                day.unfollowed.append(f"{command[0]} ended with {code} without a report: {what}")
                document = self._ended(machine)
            day.commands += len(document["centres"])
            rows |= {row["centre"]: row for row in document["centres"]}
            if not {name for name, row in rows.items() if row["exit_code"]} - {self.group.failing.name}:
                break
            day.rounds += 1
        return rows

    @staticmethod
    def _ended(machine: Machine) -> dict[str, Any]:
        """Wait until the queue is empty, and return the newest result of each centre."""
        for _ in range(600):
            _, document = machine.run("status")
            jobs = [row["job"] for row in document.get("centres", ()) if row.get("job")]
            if jobs and all(job["state"] == "ended" for job in jobs):
                return {"centres": [job["result"] for job in jobs]}
            time.sleep(3)
        return {"centres": []}

    # -------------------------------------------------------------- checks

    def _check_results(self, day: Day, rows: Mapping[str, Mapping[str, Any]], began: datetime) -> None:
        names = {centre.name for centre in self.group.centres}
        day.faults += [f"{name} has no result" for name in sorted(names - rows.keys())]
        for name, row in sorted(rows.items()):
            expected = 3 if name == self.group.failing.name else 0
            if row["exit_code"] != expected:
                what = [problem["what"] for problem in row.get("problems", ())][:2]
                day.faults.append(f"{name} ended with {row['exit_code']}: {what}")
        ended = {name: (datetime.fromisoformat(row["ended"]) - began).total_seconds() for name, row in rows.items()}
        begun = {name: ended[name] - rows[name].get("seconds", 0) for name in ended}
        day.smallest_ended = round(ended.get(self.group.smallest.name, -1), 1)
        day.last_first_begun = round(max(begun.values(), default=-1), 1)

    def _check_waits(
        self, day: Day, jobs: Mapping[str, Mapping[str, Any]], began: datetime, calls: Sequence[int]
    ) -> None:
        """Check that no centre is starved: its daily job begins before the calls of its token can be over."""
        for centre in self.group.centres:
            row = jobs.get(centre.name)
            if row is None:
                continue  # it has no result, which is a fault of its own
            waited = (datetime.fromisoformat(row["ended"]) - began).total_seconds() - row.get("seconds", 0)
            takes = 60 * calls[centre.customer] / self.onefile.apis[centre.customer].switches.rate_limit
            day.longest_wait = max(day.longest_wait, round(waited - takes, 1))
            if waited > LONGEST_WAIT * takes + WAIT_SECONDS:
                day.faults.append(
                    f"{centre.name} began after {waited:.0f} s, the calls of its token take {takes:.0f} s"
                )

    def _check_status(self, machine: Machine, day: Day) -> None:
        """Check the page in the morning: each centre as it is, and the one that fails as failing."""
        _, document = machine.run("status")
        rows = {row["centre"]: row for row in document["centres"]}
        for centre in self.group.centres:
            row = rows.get(centre.name)
            fails = centre is self.group.failing
            if row is None:
                day.faults.append(f"status: {centre.name} is missing")
            elif fails == (_newest_code(row) == 0) or (not fails and row["drift"]):
                day.faults.append(f"status: {centre.name} has exit code {_newest_code(row)}, drift {row['drift']}")

    def _check_writes(self, day: Day, intended: set[Place], before: Sequence[int]) -> None:
        """Check that each intended slot was written once, no other was, and all are as declared."""
        written: Counter[Place] = Counter()
        for log, line in zip(self.group.logs, before, strict=True):
            for text in log.read_text("utf-8").splitlines()[line:]:
                for table, id_, name, _ in json.loads(text)["effects"]:
                    written[table, id_, name] += name != "LastModified"
        written = +written
        day.writes = written.total()
        day.faults += [f"{place} was written {count} times" for place, count in written.items() if count > 1]
        day.faults += [f"{place} was written, and nobody asked" for place in written.keys() - intended]
        idle = sum(_is_idle(call) for api in self.onefile.apis for call in api.calls)
        day.faults += [f"{idle} writes changed nothing"] if idle else []
        for centre in self.group.centres:
            if lost := centre.lost():
                day.faults.append(f"{centre.name}: {len(lost)} slots are not as declared, such as {lost[0]}")

    def _check_calls(self, day: Day) -> None:
        for number, api in enumerate(self.onefile.apis):
            is_throttled = number == len(self.onefile.apis) + THROTTLED
            refused = sum(call["status"] == 429 for call in api.calls)
            day.calls.append(len(api.calls))
            day.refused.append(refused)
            day.busiest.append(busiest_minute(api.calls))
            if (refused and not is_throttled) or day.busiest[-1] > api.switches.rate_limit:
                day.faults.append(f"token {number}: {day.busiest[-1]} calls in a minute, {refused} refused")


def _newest_code(row: Mapping[str, Any]) -> int | None:
    """Return the exit code that a centre's status shows: of the newest job, else of the store's newest run."""
    result = (row.get("job") or {}).get("result") or row
    code: int | None = result["exit_code"]
    return code


def _is_idle(call: Mapping[str, object]) -> bool:
    """Return True for a write that was carried out and changed nothing."""
    path = str(call["path"])
    parts = path.strip("/").split("/")
    writes = parts[0] == "User" and parts[1:2] != ["Search"] and call["method"] == "POST"
    return writes and call["status"] in (200, 204) and not call["effect"]


def _port(folder: Path) -> int:
    """Return the port of this run: stores know the server by it."""
    file = folder / "port"
    if not file.exists():
        with socket.create_server(("127.0.0.1", 0)) as free:
            file.write_text(str(free.getsockname()[1]))
    return int(file.read_text("utf-8"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usual = Night(Path())
    parser.add_argument("--folder", type=Path, required=True, help="a folder with a short path, which is kept")
    parser.add_argument("--centres", type=int, default=usual.centres)
    parser.add_argument("--largest", type=int, default=usual.largest, help="learners of the largest centre")
    parser.add_argument("--days", type=int, default=7, help="end after this day")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no day after so many minutes")
    parser.add_argument("--customers", type=int, default=usual.customers)
    parser.add_argument("--calls-per-minute", type=int, default=usual.calls_per_minute)
    parser.add_argument("--jobs", type=int, default=usual.jobs)
    parser.add_argument("--workers", type=int, default=usual.workers)
    parser.add_argument("--kill-seconds", type=float, default=usual.kill_seconds, help="on average between two kills")
    parser.add_argument("--local", action="store_true", help="without the queue, in one process")
    parser.add_argument("--report", action="store_true", help="write benchmarks/night.md from the results")
    parser.add_argument("--note", default="", help="what the page says of the circumstances")
    given = vars(parser.parse_args())
    days, minutes, writes_report, note = (given.pop(name) for name in ("days", "minutes", "report", "note"))
    night = Night(**given)
    if writes_report:
        lines = (night.folder / "days.jsonl").read_text("utf-8").splitlines()
        (Path(__file__).parent / "night.md").write_text(report([json.loads(line) for line in lines], note), "utf-8")
        return 0
    for number in (signal.SIGINT, signal.SIGTERM):  # also when started in the background, where a shell ignores Ctrl-C
        signal.signal(number, signal.default_int_handler)
    began = time.monotonic()
    faults = 0
    with ExitStack() as stack:
        week = Week(night, stack)
        while week.next_day() <= days and time.monotonic() - began < 60 * minutes:
            day = week.live()
            faults += len(day.faults)
            sys.stdout.write(json.dumps(asdict(day)) + "\n")
            sys.stdout.flush()
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
