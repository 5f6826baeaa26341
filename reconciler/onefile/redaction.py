"""Redaction of server messages: short, on one line, without secrets and people's data."""

from __future__ import annotations

import json
import re
import unicodedata
from urllib.parse import quote

LONGEST_MESSAGE = 200  # characters of a server's message in one of ours
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


def server_message(body: bytes) -> str:
    """Return the server's own message: a JSON object's `message` in any case, a JSON string, else the whole text.

    A page of HTML has none.
    """
    text = body.decode("utf-8", errors="replace").strip()
    if text.startswith("<"):
        return ""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, dict):
        messages = [text for key, text in value.items() if key.casefold() == "message" and isinstance(text, str)]
        return messages[0] if messages else text
    return value if isinstance(value, str) else text


def mask(secret: str, text: str) -> str:
    """Remove the secret from the text, in any case (a host is shown in lower case) and also URL-encoded."""
    forms = "|".join(re.escape(form) for form in {secret, quote(secret), quote(secret, safe="")})
    return re.sub(forms, REMOVED, text, flags=re.IGNORECASE)


def redact(text: str) -> str:
    """Return one line of at most LONGEST_MESSAGE characters without addresses, dates, long numbers and tokens.

    Numbers of up to seven digits stay, because OneFile's ids have up to seven. Names look like other words and stay:
    `keep_known_words` removes them from a server's message.
    """
    text = "".join(" " if unicodedata.category(letter)[0] == "C" else letter for letter in text[:_CONSIDERED])
    text = " ".join(text.split())
    for pattern in _PERSONAL:
        text = pattern.sub(REMOVED, text)
    return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 1] + "…"


def keep_known_words(text: str) -> str:
    """Keep only the numbers, field names and words of a redacted text that cannot be anybody's name.

    A server may put any name into a refusal, so a word is shown only if it is on a list: a safe word in lower case or
    at the beginning of a sentence, or a noun of the API. Empty if no word is left.
    """
    kept = _WORD.sub(lambda word: word[0] if _is_known(word) else REMOVED, text)
    kept = _REPEATED.sub(REMOVED, kept)
    return kept if any(word[0] != REMOVED for word in _WORD.finditer(kept)) else ""


def _is_known(word: re.Match[str]) -> bool:
    text, lower = word[0], word[0].lower()
    if text == REMOVED or (text.isascii() and text.isdecimal()) or lower in FIELD_NAMES | NOUNS:
        return True
    before = word.string[: word.start()].rstrip(" \"'(")
    begins_sentence = not before or before[-1] in ".:{"
    if text in ("s", "t") and word.string[word.start() - 1 : word.start()] in ("'", "’"):  # learner's, isn't
        return True
    if len(text) == 1 and word.string[word.end() :].startswith("."):  # an initial
        return False
    return lower in SAFE_WORDS and (text == lower or begins_sentence)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SAFE_WORDS = _words(
    """
    a about above access account accounts acting action active activity add added adding address after again all
    allow allowed already also an and another any api archived are aren argument arguments as ask asked assessment
    assessor assessors assign assigned assigning assignment assignments at authentication authorisation authorised
    authorization authorized available bad be because been before being belong belongs below between body both but
    by call called calls cannot centre change changed changes check choose class classroom closed cohort column
    complete completed conflict connection contact contains could couldn count create created currently customer
    data database date default deleted denied details did didn different disabled do does doesn down duplicate
    during each edit either email empty enabled end ended ending entity entry episode error errors exceeded
    exception exist existing exists expected expired external failed failure false fault field fields file files
    finished first for forbidden form format found from full get given group had has hasn have held here higher hold
    holds how id identifier ids if in inactive incorrect information input inside instead internal into invalid iqa
    is isn it item items its joined json known last later learner learners learning least less level levels like
    limit list locked log login longer lower maintenance make many match matching maximum message method minimum
    missing model more most must name named names necessary need needed needs never new next no nobody none not
    nothing now null number object observer of off old on once one only open operation or organisation organisations
    organization other over own paged parameter parameters parse part password path pending people perform
    permission permissions permitted person placement placements please portfolio possible present previous problem
    process processing property provide provided provider query reached reason receive received record records
    reference refused registered removed repeated request requests required resource response result review reviews
    role roles row rows same saved search second seconds see select send sent server service session sessions set
    several should shouldn since some something specified staff standard standards started state status still string
    submitted such suitable support supported suspended system taken takes template text than that the their them
    then there these they this those through time timed timeout times to token too trainee true try trying twice two
    type unable unauthorised unauthorized unavailable unexpected unique unit units unknown unsuccessful unsupported
    until up update updated url use used user users using valid validation value values verifier version was
    wasn when where whether which while who whole whose with within without word words would wouldn write written
    wrong you your
    """
)
"""In lower case. Words that can be a name as well (will, may, mark, page, read, long …) are not among them."""
NOUNS = _words(
    """
    api assessor classroom customer employer id iqa iv json learner level mis organisation placement role staff
    standard trainee unit url user
    """
)
"""Nouns that may have a capital in the middle of a sentence."""
FIELD_NAMES = _words(
    """
    assessorid classroomid customerid defaultassessorid defaultemployerid employerid episodename id iqaid ivid
    ivuserid learnerid learnerstatusid level misid organisationid placementid role standardid startdate startedon
    unitid userid
    """
)
"""Field names of OneFile's API, in lower case."""
