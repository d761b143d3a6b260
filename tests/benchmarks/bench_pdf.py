"""A one-page Chinese bill with our font against the same page with the system's Noto Sans CJK, made anew each time.

Each side runs in a process of its own, because fontconfig is chosen once a process. CPU time, the best of the warm rounds;
the two take turns, so that a busy machine slows both.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from django.template.loader import render_to_string

from invoices import pdf
from tests.benchmarks.rows import Row
from tests.invoices import samples

ROUNDS = 12
WARM_UP = 2
TURNS = 4
KIB_LIMIT = 40
SPEED_LIMIT = 2.5
SYSTEM_FONT = "Noto Sans CJK SC"

PEER = """
import sys, time
from pathlib import Path
from weasyprint import CSS, HTML
from weasyprint.text.fonts import FontConfiguration
html, css, out = (Path(name) for name in sys.argv[1:4])
spent = []
for number in range(int(sys.argv[4])):
    start = time.process_time()
    fonts = FontConfiguration()
    style = CSS(string=css.read_text(), font_config=fonts)
    data = HTML(string=html.read_text()).write_pdf(stylesheets=[style], font_config=fonts)
    spent.append(time.process_time() - start)
out.write_bytes(data)
print(min(spent[int(sys.argv[5]):]))
"""


def measure() -> list[Row]:
    """Return size, both times, and their ratio; without the system's font the ratio's row is missed and says so."""
    document = samples.one_page()
    size = len(pdf.render(document)) / 1024
    with tempfile.TemporaryDirectory() as folder:
        html, css = Path(folder) / "bill.html", Path(folder) / "bill.css"
        html.write_text(pdf.markup(document), encoding="utf-8")
        styles = render_to_string("invoices/document.css").replace(
            '"Mingzhang Sans Common", "Mingzhang Sans"', f'"{SYSTEM_FONT}"'
        )
        css.write_text(styles, encoding="utf-8")
        turns = [(ours(document), theirs(html, css, Path(folder) / "peer.pdf")) for _ in range(TURNS)]
        their_size = (Path(folder) / "peer.pdf").stat().st_size / 1024
    our_time, their_time = (min(times) for times in zip(*turns, strict=True))
    found = has_system_font()
    speed = their_time / our_time
    return [
        Row("PDF: one page in Chinese", f"{size:.1f} KiB", f"≤ {KIB_LIMIT} KiB", size <= KIB_LIMIT),
        Row("PDF: CPU time of it", f"{our_time * 1000:.0f} ms", "", True),
        Row(f"PDF: {SYSTEM_FONT}, everything new", f"{their_time * 1000:.0f} ms, {their_size:.0f} KiB", "", True),
        Row(
            "PDF: times as fast",
            f"{speed:.1f}" if found else "fonts-noto-cjk is not installed",
            f"≥ {SPEED_LIMIT}",
            found and speed >= SPEED_LIMIT,
        ),
    ]


def ours(document) -> float:
    spent = []
    for _ in range(ROUNDS):
        start = time.process_time()
        pdf.render(document)
        spent.append(time.process_time() - start)
    return min(spent[WARM_UP:])


def theirs(html: Path, css: Path, out: Path) -> float:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FONTCONFIG")}
    command = [sys.executable, "-W", "ignore", "-c", PEER, html, css, out, str(ROUNDS), str(WARM_UP)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout)


def has_system_font() -> bool:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FONTCONFIG")}
    try:
        command = ["fc-list", SYSTEM_FONT]
        return bool(subprocess.run(command, env=environment, capture_output=True, check=False).stdout.strip())
    except FileNotFoundError:
        return Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc").exists()
