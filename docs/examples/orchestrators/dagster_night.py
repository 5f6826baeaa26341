"""A job of Dagster 1 that queues a night and waits until each centre has ended."""

import dagster as dg
from fleet_command import FleetFailedError, run_fleet


@dg.op
def drift(context: dg.OpExecutionContext) -> None:
    try:
        report = run_fleet("drift", "--correct", "--due", "--queue", "--wait")
    except FleetFailedError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error
    context.log.info(f"{len(report['centres'])} centres ended well")


@dg.job
def night() -> None:
    drift()


schedule = dg.ScheduleDefinition(job=night, cron_schedule="0 1 * * *", execution_timezone="Europe/London")
definitions = dg.Definitions(jobs=[night], schedules=[schedule])
