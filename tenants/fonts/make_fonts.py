"""Cut the product's fonts from Noto Sans CJK SC. Run by hand, never by set-up.

    apt-get install fonts-noto-cjk
    .venv/bin/python tenants/fonts/make_fonts.py

Writes `MingzhangSans-*.ttf` (all), `MingzhangSansCommon-*.ttf` (what most documents need) and `coverage.txt` beside
itself. Takes about a minute; the same source gives the same bytes. The fonts are renamed because Noto is a trademark;
copyright and licence entries stay as they are.
"""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path

from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTCollection, TTFont, newTable
from fontTools.ttLib.reorderGlyphs import reorderGlyphs

HERE = Path(__file__).resolve().parent
SOURCE = Path("/usr/share/fonts/opentype/noto")
FACE = "Noto Sans CJK SC"
FAMILY = "Mingzhang Sans"
VERSION = "Version 1.000"
SIZE_LIMIT = 8_500_000
COMMON = 2  # the rank up to which a character is in the common font: Latin, signs, GB 2312
UNITS_OF_ERROR = 1.0
DROPPED = ("vhea", "vmtx", "VORG", "BASE", "DSIG")

# Characters of the 2013 table of general standard characters (通用规范汉字表) that stand in Extension A.
STANDARD_EXTENSION_A = (
    "㑇㑊㕮㘎㙍㙘㙦㛃㛚㛹㟃㠇㠓㤘㥄㧐㧑㧟㫰㬊㬎㬚㭎㭕㮾㰀㳇㳘㳚㴔㵐㶲㸆㸌㺄㻬㽏㿠䁖䂮䃅䃎䅟䌹䎃䎖䏝䏡䏲䐃"
    "䓖䓛䓨䓫䓬䗖䗛䗪䗴䜣䝙䢺䢼䣘䥽䦃䲟䲠䲢䴓䴔䴕䴖䴗䴘䴙䶮㐱"
)
PUNCTUATION = (
    "\u00a0\u2009\u200a\u202f\u2010\u2011\u2012\u2013\u2014\u2018\u2019\u201c"
    "\u201d\u2020\u2021\u2022\u2026\u2030\u2032\u2033\u2039\u203a"
)
SIGNS = "€£¥₩™©®°±×÷−≈≠≤≥√∞→←↑↓✓✗•·№"


def main() -> None:
    chosen: set[int] | None = None
    covered: set[int] | None = None
    for weight in ("Regular", "Bold"):
        font = face(SOURCE / f"NotoSansCJK-{weight}.ttc")
        everything = wanted(set(font.getBestCmap()))
        keep(font, everything)
        to_quadratic(font)
        if chosen is None:
            # Bold outlines are no larger than the regular ones, so one choice serves both.
            chosen = everything - spared(font, everything)
        keep(font, chosen)
        common_first(font)
        save(font, FAMILY, weight)
        covered = set(font.getBestCmap()) if covered is None else covered & set(font.getBestCmap())
        keep(font, {code for code in covered if rarity(code)[0] <= COMMON})
        save(font, f"{FAMILY} Common", weight)
    write_coverage(covered or set())


def face(path: Path) -> TTFont:
    for font in TTCollection(path, lazy=True).fonts:
        if font["name"].getDebugName(1) in (FACE, f"{FACE} Bold"):
            return font
    sys.exit(f"{path} has no face {FACE}")


def wanted(available: set[int]) -> set[int]:
    """GBK, Latin, signs, and every ideograph that the source has besides."""
    signs = {ord(c) for c in PUNCTUATION + SIGNS}
    latin = set(range(0x20, 0x7F)) | set(range(0xA0, 0x180))
    return {c for c in available if c in latin or c in signs or ideograph(c) or in_charset(c, "gbk")}


def ideograph(code: int) -> bool:
    return 0x3400 <= code <= 0x4DBF or 0x4E00 <= code <= 0x9FFF or 0x20000 <= code <= 0x3FFFF


def in_charset(code: int, charset: str) -> bool:
    if unicodedata.category(chr(code)) == "Co":
        return False
    try:
        chr(code).encode(charset)
    except UnicodeEncodeError:
        return False
    return True


def spared(font: TTFont, everything: set[int]) -> set[int]:
    """The Extension A characters that are left out so that the file stays below the limit.

    Standard and national character sets go first; of the rest, the simplest outlines, which gives the most characters.
    """
    glyphs, names = font["glyf"], font.getBestCmap()
    cost = {c: len(glyphs[names[c]].compile(glyphs)) + 8 for c in everything}
    tables = sum(len(font.getTableData(tag)) for tag in font.reader.tables if tag in ("GSUB", "GPOS")) + 250_000
    room = SIZE_LIMIT - tables - sum(n for c, n in cost.items() if not extension_a(c))
    left_out = set()
    for code in sorted(filter(extension_a, everything), key=lambda c: (rank(c), cost[c], c)):
        room -= cost[code]
        if room < 0:
            left_out.add(code)
    return left_out


def extension_a(code: int) -> bool:
    return 0x3400 <= code <= 0x4DBF and not in_charset(code, "gbk")


def rank(code: int) -> int:
    if chr(code) in STANDARD_EXTENSION_A:
        return 0
    return 1 if in_charset(code, "big5hkscs") or in_charset(code, "euc_jis_2004") else 2


def keep(font: TTFont, characters: set[int]) -> None:
    options = Options()
    options.layout_features = ["kern", "ccmp", "mark", "mkmk", "liga"]
    options.hinting = False
    options.name_IDs = ["*"]
    options.name_languages = [0x409]
    options.notdef_outline = True
    options.drop_tables += list(DROPPED)
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=characters)
    subsetter.subset(font)


def common_first(font: TTFont) -> None:
    """Give the commonest characters the lowest numbers: a document carries the tables up to its highest glyph."""
    code_of = {name: code for code, name in sorted(font.getBestCmap().items(), reverse=True)}
    order = font.getGlyphOrder()
    reorderGlyphs(font, [order[0], *sorted(order[1:], key=lambda name: rarity(code_of.get(name)))])


def rarity(code: int | None) -> tuple[int, bytes]:
    if code is None:
        return 1, b""
    if code < 0x180 or chr(code) in PUNCTUATION + SIGNS:
        return 0, code.to_bytes(4)
    for place, charset in enumerate(("gb2312", "gbk"), start=2):
        if in_charset(code, charset):
            # GB 2312 has its commoner half first.
            return place, chr(code).encode(charset)
    return 4, code.to_bytes(4)


def to_quadratic(font: TTFont) -> None:
    """CFF outlines become glyf outlines: the same page is 15 KB with these and 148 KB with those."""
    order, drawn = font.getGlyphOrder(), font.getGlyphSet()
    glyphs = {}
    for name in order:
        pen = TTGlyphPen(None)
        drawn[name].draw(Cu2QuPen(pen, UNITS_OF_ERROR, reverse_direction=True))
        glyphs[name] = pen.glyph()
    glyf = newTable("glyf")
    glyf.glyphOrder, glyf.glyphs = order, glyphs
    metrics = font["hmtx"].metrics
    for name, glyph in glyphs.items():
        glyph.recalcBounds(glyf)
        metrics[name] = (metrics[name][0], getattr(glyph, "xMin", 0))
    font["glyf"], font["loca"] = glyf, newTable("loca")
    del font["CFF "]
    font["maxp"] = maximum_profile(len(order))
    font["post"].formatType = 3.0
    font["head"].glyphDataFormat = 0
    font.sfntVersion = "\000\001\000\000"


def maximum_profile(count: int):
    maxp = newTable("maxp")
    maxp.tableVersion, maxp.numGlyphs = 0x00010000, count
    zero = "maxTwilightPoints maxStorage maxFunctionDefs maxInstructionDefs maxStackElements maxSizeOfInstructions"
    filled_at_save = (
        "maxPoints maxContours maxCompositePoints maxCompositeContours maxComponentElements maxComponentDepth"
    )
    for field in f"{zero} {filled_at_save}".split():
        setattr(maxp, field, 0)
    maxp.maxZones = 1
    return maxp


def save(font: TTFont, family: str, weight: str) -> None:
    rename(font, family, weight)
    path = HERE / f"{family.replace(' ', '')}-{weight}.ttf"
    font.save(path)
    sys.stdout.write(f"{path.name}: {path.stat().st_size:,} bytes, {len(font.getBestCmap()):,} characters\n")


def rename(font: TTFont, family: str, weight: str) -> None:
    """Every entry that carries the trademark gets our name; 0, 7, 13 and 14 (rights and licence) stay."""
    font["OS/2"].achVendID = "MING"
    font.recalcTimestamp = False
    post_script = f"{family.replace(' ', '')}-{weight}"
    ours = {
        1: family,
        2: weight,
        3: f"{VERSION};{post_script}",
        4: f"{family} {weight}",
        5: VERSION,
        6: post_script,
    }
    table = font["name"]
    table.names = [n for n in table.names if n.nameID in (0, 7, 13, 14) and n.platformID == 3]
    for number, text in ours.items():
        table.setName(text, number, 3, 1, 0x409)


def write_coverage(characters: set[int]) -> None:
    """One range a line, hexadecimal, both ends included."""
    ranges: list[list[int]] = []
    for code in sorted(characters):
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    lines = [f"{a:X}" if a == b else f"{a:X}-{b:X}" for a, b in ranges]
    (HERE / "coverage.txt").write_text("\n".join(lines) + "\n", encoding="ascii")
    sys.stdout.write(f"coverage.txt: {len(characters):,} characters in {len(ranges):,} ranges\n")


if __name__ == "__main__":
    main()
