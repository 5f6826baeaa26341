"""Checks that observers, whose handles begin with observer- in this centre, neither assess nor quality-assure."""

from typing import Any

from checkov.common.models.enums import CheckCategories, CheckResult
from checkov.terraform.checks.resource.base_resource_check import BaseResourceCheck

SLOTS = ["default_assessor", "learning_aim_assessor", "learning_aim_iqa", "unit_assessor", "unit_iqa"]


class ObserversObserve(BaseResourceCheck):
    def __init__(self) -> None:
        name = "An observer neither assesses nor quality-assures"
        super().__init__(name, "ONEFILE_2", [CheckCategories.CONVENTION], SLOTS)

    def scan_resource_conf(self, conf: dict[str, list[Any]]) -> CheckResult:
        who = str(conf.get("staff", [""])[0])
        return CheckResult.FAILED if who.startswith("observer-") else CheckResult.PASSED


check = ObserversObserve()
