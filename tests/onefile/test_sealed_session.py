"""A sealed session is of no use to anybody without the customer token."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from reconciler.onefile.sealed_session import seal, unseal
from reconciler.onefile.token import CustomerToken

tokens = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=100)


@given(session=tokens, customer=tokens)
def test_whoever_has_the_token_gets_the_session_back(session: str, customer: str) -> None:
    """Whatever both look like."""
    assert unseal(seal(session, CustomerToken(customer)), CustomerToken(customer)) == session


@given(session=tokens, customer=tokens, other=tokens)
def test_another_token_opens_nothing(session: str, customer: str, other: str) -> None:
    """Also after OneFile's support has issued a new one."""
    if other != customer:
        assert unseal(seal(session, CustomerToken(customer)), CustomerToken(other)) is None


@given(session=tokens, customer=tokens, place=st.integers(0), flip=st.integers(1, 255))
def test_a_byte_that_was_altered_is_noticed(session: str, customer: str, place: int, flip: int) -> None:
    """In the salt, the tag or the session."""
    data = bytearray(base64.b64decode(seal(session, CustomerToken(customer))))
    data[place % len(data)] ^= flip
    assert unseal(base64.b64encode(data).decode(), CustomerToken(customer)) is None


@given(text=st.text(max_size=200))
def test_what_is_no_seal_opens_nothing(text: str) -> None:
    """A store may hold anything."""
    assert unseal(text, CustomerToken("customer")) is None


def test_no_two_seals_are_alike() -> None:
    """Two stored sessions do not show whether they are one."""
    customer = CustomerToken("customer")
    assert seal("session", customer) != seal("session", customer)
