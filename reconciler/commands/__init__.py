"""The commands: one module each, with one function that returns a value. Modules are imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.lazy import submodules

if TYPE_CHECKING:
    from reconciler.commands import adopt as adopt
    from reconciler.commands import apply as apply
    from reconciler.commands import audit as audit
    from reconciler.commands import calendar as calendar
    from reconciler.commands import demo as demo
    from reconciler.commands import digest as digest
    from reconciler.commands import doctor as doctor
    from reconciler.commands import done as done
    from reconciler.commands import drift as drift
    from reconciler.commands import due as due
    from reconciler.commands import export as export
    from reconciler.commands import fleet as fleet
    from reconciler.commands import fleet_queue as fleet_queue
    from reconciler.commands import fmt as fmt
    from reconciler.commands import history as history
    from reconciler.commands import import_csv as import_csv
    from reconciler.commands import import_onefile as import_onefile
    from reconciler.commands import init as init
    from reconciler.commands import plan as plan
    from reconciler.commands import plan_file as plan_file
    from reconciler.commands import replace as replace
    from reconciler.commands import revert as revert
    from reconciler.commands import sandbox as sandbox
    from reconciler.commands import share_out as share_out
    from reconciler.commands import site as site
    from reconciler.commands import store as store
    from reconciler.commands import sync as sync
    from reconciler.commands import sync_onefile as sync_onefile
    from reconciler.commands import unlock as unlock
    from reconciler.commands import validate as validate
    from reconciler.commands import who as who

__getattr__ = submodules(__name__)
