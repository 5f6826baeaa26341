"""Good input changed into what somebody might send by accident or on purpose: bytes, words, lines, JSON values."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

WORDS = (
    *("null", "~", "true", "no", "0", "-1", "0012", "1e999", "NaN", "9" * 30, "2026-02-30", "9999-12-31", "0001-01-01"),
    *("[]", "{}", "[[", "}", '""', "'", '"', "&a", "*a", "!!int", "!t", "<<", "---", "...", "%YAML 9.9", "?", "|", ">"),
    *(
        "- ",
        ": ",
        "#",
        ",",
        "\t",
        "\r",
        "\r\n",
        "\n\n",
        "\0",
        "\x1b[2J",
        "\x85",
        "\u2028",
        "\u202e",
        "\ufeff",
        "\ud7ff",
    ),
    *("é", "\U0001f600", "%0A::error::", "`|<b>@team", "=1+1", "sep=;", "../../x", "x" * 300, " " * 40, "[" * 60),
)
BEYOND = "1e999"  # a number that becomes infinite
VALUES: Sequence[Any] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        1.5,
        1e308,
        BEYOND,
        2**31,
        2**63,
        2**70,
        10**25,
        "",
        "0",
        "x",
        "é\u202e\n\x1b",
        "\ud800",
    ),
    *(
        "9" * 25,
        "sha256:" + "0" * 64,
        "2026-13-45T99:99:99Z",
        "2026-11-23T14:00:00",
        "../x",
        [],
        {},
        [[]],
        [{}],
        {"": 0},
    ),
)


def slipped(data: bytes, others: Sequence[bytes], chance: Random) -> bytes:
    """`data` after one to five slips; pieces may come from the other good inputs. The same chance, the same bytes."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 5))):
        data = chance.choice(_SLIPS)(data, chance.choice(others), chance)
    return data


def _json(data: bytes, other: bytes, chance: Random) -> bytes:
    """One value of a document, or of one below a blank line, replaced, moved, lost or given another name."""
    head, gap, body = data.rpartition(b"\n\n")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return _word(data, other, chance)
    places = _places(document)
    if not places:
        return head + gap + _dumped(chance.choice(VALUES))
    holder, key = chance.choice(places)
    slip = chance.randrange(5)
    if slip < 2:
        holder[key] = chance.choice(VALUES)
    elif slip == 2:
        there, name = chance.choice(places)
        holder[key] = json.loads(json.dumps(there[name]))
    elif slip == 3:
        del holder[key]
    elif isinstance(holder, dict):
        holder[chance.choice(["", "x", "ID", f"{key}".upper(), f"{key}2"])] = holder.pop(key)
    else:
        holder.append(holder[key])
    return head + gap + _dumped(document)


def _dumped(document: Any) -> bytes:
    return json.dumps(document).replace(f'"{BEYOND}"', BEYOND).encode()


def _places(document: Any) -> list[tuple[Any, Any]]:
    """Every list and mapping in it, with each of its keys."""
    found, waiting = [], [document]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict | list):
            keys = list(one) if isinstance(one, dict) else list(range(len(one)))
            found += [(one, key) for key in keys]
            waiting += [one[key] for key in keys]
    return found


def _word(data: bytes, other: bytes, chance: Random) -> bytes:
    words = data.split(b" ")
    at = chance.randrange(len(words))
    words[at] = chance.choice(
        [chance.choice(WORDS).encode(), chance.choice(other.split())[:80] if other.split() else b""]
    )
    return b" ".join(words)


def _value(data: bytes, other: bytes, chance: Random) -> bytes:
    """What stands behind a colon on one line."""
    lines = data.split(b"\n")
    at = chance.randrange(len(lines))
    key, colon, _ = lines[at].partition(b": ")
    lines[at] = key + colon + chance.choice(WORDS).encode()
    return b"\n".join(lines)


def _line(data: bytes, other: bytes, chance: Random) -> bytes:
    lines, theirs = data.split(b"\n"), other.split(b"\n")
    at, slip = chance.randrange(len(lines)), chance.randrange(5)
    if slip == 0:
        del lines[at]
    elif slip == 1:
        lines.insert(at, lines[chance.randrange(len(lines))])
    elif slip == 2:
        lines[at] = b" " * chance.randint(1, 5) + lines[at].lstrip(b" ")
    elif slip == 3:
        lines.insert(at, chance.choice(theirs))
    else:
        lines[at:at] = [lines[at]] * chance.randint(2, 60)
    return b"\n".join(lines)


def _insert(data: bytes, other: bytes, chance: Random) -> bytes:
    at = chance.randint(0, len(data))
    return data[:at] + chance.choice(WORDS).encode() + data[at:]


def _bytes(data: bytes, other: bytes, chance: Random) -> bytes:
    at, slip = chance.randint(0, len(data)), chance.randrange(4)
    if slip == 0:
        return data[:at]
    if slip == 1:
        return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
    if slip == 2:
        return data[:at] + data[at + chance.randint(1, 8) :]
    return data[:at] + other[chance.randint(0, len(other)) :]


_Slip = Callable[[bytes, bytes, Random], bytes]
_SLIPS: tuple[_Slip, ...] = (*[_json] * 6, _word, _value, _line, _line, _insert, _bytes)
