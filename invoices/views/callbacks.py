"""Where providers tell us of payments, refunds and contracts. No log-in: a message is believed for its signature alone."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from invoices import hearing
from invoices.providers.port import Callback

# No provider sends more.
LONGEST = 2**20


@csrf_exempt
@require_POST
def callback(request: HttpRequest, provider: str, account: int) -> HttpResponse:
    """Hear a message for a seller's account and answer as its provider wants."""
    if int(request.headers.get("Content-Length") or 0) > LONGEST:
        return HttpResponse(status=413)
    told = Callback(headers=dict(request.headers), body=request.body, at=timezone.now())
    answer = hearing.hear(account, provider, told)
    return HttpResponse(answer.body, status=answer.status, content_type=answer.content_type)
