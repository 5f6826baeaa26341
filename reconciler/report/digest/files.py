"""Messages of a digest as files: Markdown, and e-mails that a mail program opens as drafts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from email.message import EmailMessage
from email.policy import SMTP

from reconciler.model.message import Message
from reconciler.report.digest.messages import subject_of


def files_of(messages: Iterable[Message]) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each file."""
    for message in messages:
        yield f"{message.recipient}.md", message.body
        yield f"{message.recipient}.eml", _email(message)


def _email(message: Message) -> str:
    email = EmailMessage(SMTP.clone(linesep="\n"))
    email["Subject"] = subject_of(message)
    email["X-Unsent"] = "1"
    email.set_content(message.body, cte="quoted-printable")
    return email.as_string()
