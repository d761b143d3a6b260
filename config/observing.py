"""What operators see of a running system: structured log lines, and errors sent to a collector where one is named."""

from __future__ import annotations

import sentry_sdk
import structlog


def start(sentry_dsn: str) -> None:
    """Send structlog's lines through Python's logging, and unhandled errors to `sentry_dsn` unless it is empty.

    No personal data goes to the collector: neither request bodies nor addresses nor users; and no local variables, among
    which keys of providers may be.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"], sort_keys=True),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    if sentry_dsn:
        sentry_sdk.init(
            dsn=sentry_dsn, send_default_pii=False, max_request_body_size="never", include_local_variables=False
        )
