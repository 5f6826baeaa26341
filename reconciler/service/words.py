"""What a server said, made fit to print: short, on one line, without secrets and without people's data."""

from __future__ import annotations

import json
import re
import unicodedata
from urllib.parse import quote

LONGEST = 200  # characters that a server's words may take up in one of our messages
REMOVED = "[removed]"
_CONSIDERED = 2000  # longer texts are cut before the patterns run, which bounds their time

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"
_PERSONAL = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"[^\s@]{1,64}@[^\s@]{1,255}",  # e-mail address
        r"(?<![a-z])[a-z]{2}[ -]?(?:\d{2}[ -]?){3}[a-d](?![a-z])",  # National Insurance number
        r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}",  # date, of birth perhaps
        rf"\d{{1,2}}(?:st|nd|rd|th)?[ ,.-]{{0,2}}(?:of )?{_MONTH}[ ,.-]{{0,2}}\d{{2,4}}",  # 3 March 2001
        rf"{_MONTH}[ ,.-]{{0,2}}\d{{1,2}}(?:st|nd|rd|th)?[ ,.-]{{1,2}}\d{{2,4}}",  # March 3, 2001
        r"\d{8,}|\+?\d(?:[ -]?\d){8,}",  # unique learner number, telephone number
        r"(?=[\w+/=.~-]*\d)[\w+/=.~-]{24,}",  # token, or a piece of one
    )
)


def said(body: bytes) -> str:
    """The server's own message: a JSON object's `message` in any case, a JSON string, else the text as it stands.
    Nothing for a page of HTML, which speaks to browsers."""
    text = body.decode("utf-8", errors="replace").strip()
    if text.startswith("<"):
        return ""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, dict):
        found = [word for key, word in value.items() if key.casefold() == "message" and isinstance(word, str)]
        return found[0] if found else text
    return value if isinstance(value, str) else text


def without(secret: str, text: str) -> str:
    """The text with the secret taken out, in any case (a host is shown in small letters) and also as a URL has it."""
    forms = "|".join(re.escape(form) for form in {secret, quote(secret), quote(secret, safe="")})
    return re.sub(forms, REMOVED, text, flags=re.IGNORECASE)


def printable(text: str) -> str:
    """One line of at most LONGEST characters with everything that may identify somebody taken out.

    Names cannot be told from other words and stay; numbers of up to seven digits stay, because OneFile's ids are such.
    """
    text = "".join(" " if unicodedata.category(letter)[0] == "C" else letter for letter in text[:_CONSIDERED])
    text = " ".join(text.split())
    for pattern in _PERSONAL:
        text = pattern.sub(REMOVED, text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
