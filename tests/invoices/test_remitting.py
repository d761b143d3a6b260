"""A transfer says whose it is: codes that survive typing, virtual accounts, and known payers."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from invoices import remitting
from invoices.models import KnownPayer, RemittanceCode
from tenants.errors import Conflict, Invalid
from tenants.models import AuditEntry
from tests import shop

NOW = shop.at("2026-03-02 09:00")
codes = st.text(remitting.ALPHABET, min_size=7, max_size=7).map(lambda drawn: drawn + remitting.check_character(drawn))


@given(codes, st.integers(0, 7), st.sampled_from(remitting.ALPHABET))
def test_a_wrong_character_is_no_code(code, place, other):
    assume(code[place] != other)
    wrong = code[:place] + other + code[place + 1 :]
    assert wrong not in set(remitting.codes_in(wrong))


@given(codes, st.integers(0, 6))
def test_two_exchanged_characters_are_no_code(code, place):
    assume(code[place] != code[place + 1])
    wrong = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    assert wrong not in set(remitting.codes_in(wrong))


def test_the_check_character_is_that_of_the_formula():
    # 3 4 6 7 9 A B are the numbers 0 to 6: 1×0 + 2×1 + 3×2 + 4×3 + 5×4 + 6×5 + 7×6 = 112 = 4×23 + 20, which is W
    assert remitting.check_character("34679AB") == remitting.ALPHABET[20] == "W"


@pytest.mark.parametrize(
    "remark",
    [
        "34679ABW",
        "货款34679ABW",
        "34679abw 三月",
        "３４６７９ＡＢＷ",
        "服务费/3467-9ABW/谢谢",
        "QY34679ABW2026",
        "3467 9AB W",
    ],
)
def test_it_finds_the_code_in_a_remark(remark):
    assert "34679ABW" in set(remitting.codes_in(remark))


@pytest.mark.parametrize("remark", ["", "货款", "34679AB", "34679ABX", "O4679ABW"])
def test_it_finds_no_code_where_none_is(remark):
    assert set(remitting.codes_in(remark)) == set()


def test_the_alphabet_has_no_character_that_looks_like_another():
    assert not set(remitting.ALPHABET) & set("0OQ1IL2Z5S8GV")
    assert len(set(remitting.ALPHABET)) == 23


@pytest.mark.django_db
class TestCodes:
    def test_a_customer_keeps_the_code_once_drawn(self, qingyu):
        acme = shop.tenant()
        first = remitting.code_of(acme, qingyu, at=NOW)
        assert remitting.code_of(acme, qingyu, at=shop.at("2027-01-01 00:00")) == first
        assert first.code in set(remitting.codes_in(f"备注 {first.code}"))

    def test_two_customers_have_two_codes_even_when_the_draw_repeats(self, qingyu, monkeypatch):
        drawn = iter(["34679ABW", "34679ABW", "3333333" + remitting.check_character("3333333")])
        monkeypatch.setattr(remitting, "draw", lambda: next(drawn))
        first = remitting.code_of(shop.tenant(), qingyu, at=NOW)
        second = remitting.code_of(shop.tenant("beta"), qingyu, at=NOW)
        assert (first.code, second.code[:7]) == ("34679ABW", "3333333")

    def test_it_notes_a_virtual_account_and_takes_it_off(self, qingyu):
        code = remitting.code_of(shop.tenant(), qingyu, at=NOW)
        remitting.give_account(code, "9550 8802 1234 5678", at=NOW, by=None)
        assert RemittanceCode.objects.get().virtual_account == "9550880212345678"
        assert AuditEntry.objects.get(verb="remittance.account").detail["account"] == "5678"
        remitting.give_account(code, "", at=NOW, by=None)
        assert RemittanceCode.objects.get().virtual_account == ""

    def test_one_virtual_account_is_of_one_customer(self, qingyu):
        first, second = (remitting.code_of(shop.tenant(name), qingyu, at=NOW) for name in ("acme", "beta"))
        remitting.give_account(first, "955088021234", at=NOW, by=None)
        with pytest.raises(Conflict):
            remitting.give_account(second, "955088021234", at=NOW, by=None)

    @pytest.mark.parametrize("account", ["12345", "95508802A", "1" * 41])
    def test_it_refuses_what_is_no_account(self, qingyu, account):
        code = remitting.code_of(shop.tenant(), qingyu, at=NOW)
        with pytest.raises(Invalid, match="6 "):
            remitting.give_account(code, account, at=NOW, by=None)


def test_two_spellings_of_a_name_are_one():
    assert remitting.plain_name("苏州沐禾（家居） 有限公司") == remitting.plain_name("苏州沐禾(家居)有限公司")
    assert remitting.plain_name("ACME Co., Ltd.") == remitting.plain_name("Acme CO LTD")
    assert remitting.plain_name("沐禾") != remitting.plain_name("沐木")


@pytest.mark.django_db
class TestPayers:
    def test_five_are_known_and_the_sixth_is_refused(self, qingyu):
        acme = shop.tenant()
        for number in range(5):
            remitting.know(acme, f"子公司{number}", declaration="2026-03-01 声明", at=NOW, by=None)
        with pytest.raises(remitting.TooManyPayers):
            remitting.know(acme, "子公司5", declaration="声明", at=NOW, by=None)
        remitting.forget(KnownPayer.objects.get(name="子公司2"), at=NOW, by=None)
        assert remitting.know(acme, "子公司5", declaration="声明", at=NOW, by=None).position == 3

    def test_a_name_is_listed_once(self, qingyu):
        acme = shop.tenant()
        first = remitting.know(acme, "沐禾（上海）", declaration="声明", at=NOW, by=None)
        assert remitting.know(acme, "沐禾(上海)", declaration="另一份", at=NOW, by=None) == first

    @pytest.mark.parametrize(("name", "declaration", "field"), [(" ", "声明", "name"), ("沐禾", " ", "declaration")])
    def test_it_wants_a_name_and_a_declaration(self, qingyu, name, declaration, field):
        with pytest.raises(Invalid) as refusal:
            remitting.know(shop.tenant(), name, declaration=declaration, at=NOW, by=None)
        assert refusal.value.field == field

    def test_own_and_known_names_may_pay(self, qingyu):
        acme = shop.tenant(name_en="Acme Ltd.")
        payer = remitting.know(acme, "上海沐禾", declaration="声明", at=NOW, by=None)
        allowed = {"苏州acme家居有限公司", "acmeltd", "上海沐禾"}
        assert remitting.allowed_names(acme) == allowed
        remitting.forget(payer, at=NOW, by=None)
        assert remitting.allowed_names(acme) == allowed - {"上海沐禾"}
