"""Mails that come back, as mail servers write them (RFC 3464)."""

from email.message import EmailMessage

from tenants.delivery import message_id

TEMPLATE = """From: MAILER-DAEMON@mx.example
To: billing@mingzhang.example
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

--b1
Content-Type: text/plain

This is the mail system.

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; {address}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 5.1.1 no such user

--b1
Content-Type: {kind}

Message-ID: {sent}
Subject: x

--b1--
"""


def returned(notice, address, *, status="5.1.1", action="failed", sent=None, kind="text/rfc822-headers") -> bytes:
    """A notification that the mail of this notice to this address came back."""
    said = {"address": address, "status": status, "action": action, "kind": kind}
    return TEMPLATE.format(sent=sent or message_id(notice, address), **said).replace("\n", "\r\n").encode()


def letter_of_a_person(notice, address) -> bytes:
    """Somebody writes in his own words that a mail came back."""
    mail = EmailMessage()
    mail["Subject"] = "Undelivered"
    mail.set_content(f"Status: 5.1.1\nMessage-ID: {message_id(notice, address)}")
    return mail.as_bytes()
