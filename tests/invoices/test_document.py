"""A document that does not add up cannot be made."""

from dataclasses import FrozenInstanceError, replace
from decimal import Decimal

import pytest

from invoices.document import DoesNotAddUp, Party, Tax
from tests.invoices import samples


def test_it_adds_up_to_the_figures_of_the_page_standard():
    bill = samples.document()
    # 1299.00 + 1044.00 + 300.00 + 124.00 = 2767.00, less 60.00 = 2707.00
    assert (bill.subtotal_minor, bill.discount_minor, bill.total_minor) == (276700, 6000, 270700)
    # 73.53 + 59.09 + 13.58 + 7.02 = 153.22
    assert (bill.tax_minor, bill.net_minor) == (15322, 255378)


@pytest.mark.parametrize(
    "wrong",
    [{"subtotal_minor": 276701}, {"discount_minor": 0}, {"total_minor": 270800}, {"net_minor": 1}, {"due_minor": 1}],
)
def test_it_refuses_sums_that_are_not_those_of_its_lines(wrong):
    with pytest.raises(DoesNotAddUp, match="QY-2026-001187"):
        replace(samples.document(), **wrong)


def test_it_counts_what_was_paid_and_credited():
    bill = samples.document(paid_minor=100000, credited_minor=3600, due_minor=167100)
    # 2707.00 − 36.00 − 1000.00 = 1671.00
    assert bill.due_minor == 167100


def test_it_puts_tax_on_top_when_prices_are_without_it():
    lines = tuple(replace(item, tax_minor=item.discounted_minor * 6 // 100) for item in samples.bill_lines())
    # 2707.00 × 6 % = 162.42
    bill = samples.document(
        lines,
        tax_included=False,
        net_minor=270700,
        taxes=(Tax(rate=Decimal("0.06"), net_minor=270700, tax_minor=16242),),
        total_minor=286942,
        due_minor=286942,
    )
    assert bill.tax_minor == 16242


def test_it_refuses_a_colour_that_could_carry_anything_else():
    with pytest.raises(ValueError, match="colour"):
        Party(legal_name="青屿", colour="red; background: url(x)")


def test_it_refuses_another_kind_or_language():
    with pytest.raises(ValueError, match="no such document"):
        samples.document(kind="receipt")
    with pytest.raises(ValueError, match="no such document"):
        samples.document(language="de")


def test_it_is_frozen():
    with pytest.raises(FrozenInstanceError):
        samples.document().total_minor = 1  # type: ignore[misc]


def test_it_names_every_text_that_will_be_printed():
    texts = set(samples.document(notes=("一条说明",)).texts())
    assert {"苏州沐禾家居有限公司", "数据分析首年 8 折", "每条 ¥0.05", "QY001187", "一条说明"} <= texts
