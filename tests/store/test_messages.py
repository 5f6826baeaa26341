"""Messages of digests are claimed before they are sent: nobody gets one twice, whoever else sends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from reconciler.model.slots import Site
from reconciler.store import Store
from tests.store.parts import HandClock

SITE = Site("practice", 5740)
KEY = (SITE, "run 3", "kate", "RECONCILER_NOTIFY")


def test_a_message_is_sent_once(url: str, clock: HandClock) -> None:
    """One that was sent or is being sent is not claimed again; one that failed is."""
    with Store.open(url, clock=clock) as store:
        assert store.claim_message(*KEY) is None
        assert store.claim_message(*KEY) == "sending"
        store.settle_message(*KEY, sent=False)
        assert store.claim_message(*KEY) is None
        store.settle_message(*KEY, sent=True)
        assert store.claim_message(*KEY) == "sent"
        for other in ((SITE, "run 4", *KEY[2:]), (*KEY[:2], "james", KEY[3]), (Site("live", 5740), *KEY[1:])):
            assert store.claim_message(*other) is None


def test_of_several_at_once_one_may_send(url: str, clock: HandClock) -> None:
    """The claim is one transaction."""
    with Store.open(url, clock=clock) as store, ThreadPoolExecutor(4) as pool:
        claims = [*pool.map(lambda _: store.claim_message(*KEY), range(8))]
    assert sorted(map(str, claims)) == ["None", *["sending"] * 7]
