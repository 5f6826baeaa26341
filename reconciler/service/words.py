"""What a server said, made fit to print: short, on one line, without secrets and without people's data."""

from __future__ import annotations

import json
import re
import unicodedata
from urllib.parse import quote

from reconciler.service.vocabulary import NAMES_OF_FIELDS, NOUNS, SHOWN

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


_WORD = re.compile(r"\[removed\]|\w+")
_REPEATED = re.compile(r"\[removed\](?:[\s.'’-]*\[removed\])+")


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
    """One line of at most LONGEST characters without addresses, dates, long numbers and tokens.

    Numbers of up to seven digits stay, because OneFile's ids are such. Names cannot be told from other words and stay:
    what a server says of people goes through `impersonal` as well.
    """
    text = "".join(" " if unicodedata.category(letter)[0] == "C" else letter for letter in text[:_CONSIDERED])
    text = " ".join(text.split())
    for pattern in _PERSONAL:
        text = pattern.sub(REMOVED, text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def impersonal(text: str) -> str:
    """A printable text with nothing left of it but numbers, names of fields and words that are nobody's name.

    Whose name a server may put into a refusal cannot be known, so only what is known to be none is shown: a word of
    the vocabulary, in small letters or where a sentence begins, and the nouns of the API. Empty where no word is left.
    """
    kept = _WORD.sub(lambda word: word[0] if _is_known(word) else REMOVED, text)
    kept = _REPEATED.sub(REMOVED, kept)
    return kept if any(word[0] != REMOVED for word in _WORD.finditer(kept)) else ""


def _is_known(word: re.Match[str]) -> bool:
    text, small = word[0], word[0].lower()
    if text == REMOVED or (text.isascii() and text.isdecimal()) or small in NAMES_OF_FIELDS | NOUNS:
        return True
    before = word.string[: word.start()].rstrip(" \"'(")
    begins = not before or before[-1] in ".:{"
    if text in ("s", "t") and word.string[word.start() - 1 : word.start()] in ("'", "’"):  # learner's, isn't
        return True
    if len(text) == 1 and word.string[word.end() :].startswith("."):  # an initial
        return False
    return small in SHOWN and (text == small or begins)
