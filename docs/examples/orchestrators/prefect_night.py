"""A flow of Prefect 3 that queues a night and waits until each centre has ended."""

from typing import Any

from fleet_command import run_fleet
from prefect import flow
from prefect.schedules import Cron


@flow(log_prints=True)
def night() -> dict[str, Any]:
    report = run_fleet("drift", "--correct", "--due", "--queue", "--wait")
    print(f"{len(report['centres'])} centres ended well")
    return report


if __name__ == "__main__":
    night.serve(name="fleet-night", schedules=[Cron("0 1 * * *", timezone="Europe/London")])
