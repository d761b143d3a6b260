"""manage.py payment_sandbox: the gateways of Alipay and WeChat Pay on this machine, for the demo and for trying things out."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from invoices.providers.sandbox import calling, keys, serving, settling
from invoices.providers.sandbox.clock import RunningClock
from invoices.providers.sandbox.faults import MEANINGS, Faults, UnknownFault
from invoices.providers.sandbox.gate import Sandbox, Terms
from invoices.providers.sandbox.store import Store

# The merchant that is made when none is there.
NAMELESS = "merchant"
PAUSE = 0.1


class Command(BaseCommand):
    """Serve every merchant in the folder on a port of its own, until interrupted."""

    help = (
        "Run, on 127.0.0.1 only, the gateways of Alipay and WeChat Pay as far as we use them. Keys are made on the first run. "
        f"Faults: {', '.join(MEANINGS)}; docs/sandbox.md says what each means."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        folder = Path(settings.VAR_DIR) / "sandbox"
        parser.add_argument("--folder", type=Path, default=folder, help="keys and records (var/sandbox)")
        parser.add_argument("--address", default=serving.ADDRESS, help="refused unless it is this machine's own")
        parser.add_argument(
            "--speed", type=int, default=1, help="waits are so many times shorter: 3600 makes an hour a second"
        )
        parser.add_argument(
            "--at", type=datetime.fromisoformat, help="let the calendar begin there: 2026-12-01T09:00+08:00"
        )
        parser.add_argument("--fault", action="append", default=[], help="name@where*times=value; again for more")
        parser.add_argument(
            "--app-gateway", default="", help="where Alipay tells that a payer ended a contract; none: nowhere"
        )
        parser.add_argument("--unsign-url", default="", help="where WeChat tells that a contract ended; none: nowhere")
        parser.add_argument("--print-account", action="store_true", help="print what accounts need as JSON, and end")

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        names = list(keys.merchants(folder)) or [NAMELESS]
        held = {name: keys.of_merchant(folder, name) for name in names}
        if options["print_account"]:
            found = {name: keys.account(mine, keys.base_of(mine)) for name, mine in held.items()}
            self.stdout.write(json.dumps(found, indent=1))
            return
        gates = [self._serve(folder / name, mine, options) for name, mine in held.items()]
        try:
            while True:
                time.sleep(PAUSE)
                for gate in gates:
                    with gate.lock:
                        settling.settle(gate)
                    calling.deliver(gate, calling.post)
        except KeyboardInterrupt:
            self.stdout.write("")

    def _serve(self, folder: Path, mine: keys.Keys, options: dict[str, Any]) -> Sandbox:
        try:
            clock = RunningClock(timezone.now, options["speed"])
            if options["at"]:
                clock.move(timezone.make_aware(options["at"]) if timezone.is_naive(options["at"]) else options["at"])
            gate = Sandbox(
                keys=mine,
                store=Store(folder / "records.sqlite"),
                clock=clock,
                faults=Faults(options["fault"]),
                terms=Terms(app_gateway=options["app_gateway"], unsign_url=options["unsign_url"]),
            )
            serving.Server(gate, mine.port, options["address"]).begin()
        except (ValueError, UnknownFault) as wrong:
            raise CommandError(str(wrong)) from None
        except OSError as wrong:
            raise CommandError(f"Port {mine.port}: {wrong.strerror}") from None
        self.stdout.write(f"{folder.name}: {gate.base}/")
        self.stdout.flush()
        return gate
