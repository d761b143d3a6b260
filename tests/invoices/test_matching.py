"""Whose money came in: sure matches are booked at once, everything else waits for an operator with its reasons."""

import pytest

from billing import ledger
from billing.models import Wallet
from invoices import checking, claiming, matching, remitting
from invoices.models import BankCredit, KnownPayer, Payment, TransferClaim
from tenants.errors import Invalid
from tenants.models import AuditEntry, User
from tests import shop
from tests.invoices.bank_samples import NOW, arrive, bank, code, customer, row

pytestmark = pytest.mark.django_db
STRANGER = "上海某某贸易有限公司"


@pytest.fixture
def acme(qingyu):
    return customer(qingyu)


@pytest.fixture
def operator():
    return User.objects.create_user("olivia@qingyu.example", "secret-secret", is_staff=True)


def why(credit):
    return [(one["tenant"], one["why"]) for one in credit.proposals]


def bill(who):
    return shop.bills(who)[0]


def held(who):
    return sum(wallet.paid_minor for wallet in Wallet.objects.filter(tenant=who))


def tell(who, seller, amount="199.00", payer="苏州acme家居有限公司", day="2026-03-01", **more):
    return claiming.claim(
        who,
        seller=seller,
        amount=matching.Money.of(amount, "CNY"),
        paid_on=shop.at(f"{day} 00:00").date(),
        payer_name=payer,
        key=more.pop("key", f"{amount}{day}{payer}"),
        at=NOW,
        by=None,
        **more,
    )


def test_the_code_in_the_remark_books_at_once(qingyu, acme):
    credit = arrive(qingyu, row(amount="199.00", remark=f"货款 {code(acme, qingyu)}"))
    assert (credit.state, credit.tenant, credit.payment.amount_minor) == ("matched", acme, 19_900)
    assert (bill(acme).status, credit.payment.payer_name) == ("paid", "苏州acme家居有限公司")
    assert credit.payment.received_at == shop.at("2026-03-01 10:00")
    assert ledger.balance(seller_id=qingyu.pk, currency="CNY", kind="suspense") == 0


def test_the_code_wins_over_another_customer_s_amount(qingyu, acme):
    customer(qingyu, "beta", amount="55.00")
    credit = arrive(qingyu, row(amount="55.00", remark=code(acme, qingyu)))
    assert credit.tenant == acme


def test_a_short_payment_settles_a_part_and_a_long_one_fills_the_wallet(qingyu, acme):
    arrive(qingyu, row("A1", "100.00", remark=code(acme, qingyu)))
    assert (bill(acme).status, bill(acme).due_minor) == ("open", 9_900)
    arrive(qingyu, row("A2", "150.00", remark=code(acme, qingyu)))
    assert (bill(acme).status, held(acme)) == ("paid", 5_100)


def test_the_virtual_account_books_at_once(qingyu, acme):
    found = remitting.code_of(acme, qingyu, at=NOW)
    remitting.give_account(found, "9999000011112222", at=NOW, by=None)
    assert arrive(qingyu, row(virtual="9999000011112222")).tenant == acme


def test_the_number_of_a_bill_books_at_once(qingyu, acme):
    customer(qingyu, "beta")
    credit = arrive(qingyu, row(remark=f"付 {bill(acme).number} 款"))
    assert credit.tenant == acme
    assert AuditEntry.objects.get(verb="bank_credit.matched").detail["why"] == ["bill_number"]


def test_the_bill_with_this_amount_is_paid_not_the_oldest(qingyu, acme):
    shop.bill("2026-04-01 03:00")
    version = shop.plan(qingyu, [{"code": "b", "kind": "base", "model": "flat", "amount": "77.00"}], code="second")
    shop.subscribe(acme, version, "2026-04-02", label="second")
    shop.bill("2026-04-02 03:00")
    arrive(qingyu, row(amount="77.00", remark=code(acme, qingyu)), at=shop.at("2026-04-03 09:00"))
    assert [(one.total_minor, one.status) for one in shop.bills(acme)] == [
        (19_900, "open"),
        (19_900, "open"),
        (7_700, "paid"),
    ]


def test_payer_and_due_amount_book_at_once(qingyu, acme):
    credit = arrive(qingyu, row(payer="苏州acme家居有限公司 ", remark="三月服务费"))
    assert (credit.state, credit.tenant) == ("matched", acme)


def test_a_payer_without_a_due_amount_is_proposed(qingyu, acme):
    credit = arrive(qingyu, row(amount="198.00"))
    assert (credit.state, why(credit)) == ("proposed", [(acme.pk, ["payer", "not_due"])])
    assert not Payment.objects.exists()


def test_a_known_payer_with_a_due_amount_books_at_once(qingyu, acme):
    remitting.know(acme, "上海沐禾（集团）有限公司", declaration="声明 2026-03-01", at=NOW, by=None)
    credit = arrive(qingyu, row(payer="上海沐禾(集团)有限公司"))
    assert (credit.state, credit.tenant) == ("matched", acme)


def test_two_customers_of_one_payer_are_both_proposed(qingyu, acme):
    beta = customer(qingyu, "beta")
    for who in (acme, beta):
        remitting.know(who, "集团财务有限公司", declaration="声明", at=NOW, by=None)
    credit = arrive(qingyu, row(payer="集团财务有限公司"))
    assert why(credit) == [(acme.pk, ["payer", "due", "several"]), (beta.pk, ["payer", "due", "several"])]


def test_nobody_is_proposed_for_a_stranger(qingyu, acme):
    credit = arrive(qingyu, row(payer=STRANGER))
    assert (credit.state, credit.proposals) == ("unmatched", [])
    assert ledger.balance(seller_id=qingyu.pk, currency="CNY", kind="suspense") == -19_900


@pytest.mark.parametrize("payer", [STRANGER, ""])
def test_a_third_party_with_the_code_needs_an_operator(qingyu, acme, operator, payer):
    credit = arrive(qingyu, row(payer=payer, remark=code(acme, qingyu)))
    assert why(credit) == [(acme.pk, ["remark_code", "third_party"])]
    with pytest.raises(Invalid) as refusal:
        matching.match(credit, acme, at=NOW, by=operator)
    assert refusal.value.field == "declaration"
    matching.match(credit, acme, declaration="代付声明 2026-03-01", at=NOW, by=operator)
    credit.refresh_from_db()
    assert (credit.state, credit.declaration, credit.settled_by) == ("matched", "代付声明 2026-03-01", operator)
    assert bill(acme).status == "paid"


def test_the_payer_of_a_declaration_is_remembered_when_asked_to(qingyu, acme, operator):
    credit = arrive(qingyu, row(payer=STRANGER, remark=code(acme, qingyu)))
    matching.match(credit, acme, declaration="长期代付", remember=True, at=NOW, by=operator)
    assert KnownPayer.objects.get().name == STRANGER
    shop.bill("2026-04-01 03:00")
    april = shop.at("2026-04-02 09:00")
    assert arrive(qingyu, row("A2", payer=STRANGER, day="2026-04-01 10:00:00"), at=april).state == "matched"


def test_an_account_that_paid_before_is_proposed(qingyu, acme):
    arrive(qingyu, row("A1", remark=code(acme, qingyu), account="6217000011112222"))
    credit = arrive(qingyu, row("A2", "3.00", payer=STRANGER, account="6217000011112222"))
    assert why(credit) == [(acme.pk, ["same_account", "third_party"])]


class TestClaims:
    def test_a_claim_books_what_its_payer_sent(self, qingyu, acme):
        claim = tell(acme, qingyu, "500.00", last_digits="5678")
        credit = arrive(qingyu, row(amount="500.00"))
        claim.refresh_from_db()
        assert (credit.state, claim.state, claim.credit) == ("matched", "matched", credit)
        assert held(acme) == 30_100

    @pytest.mark.parametrize(("day", "state"), [("2026-02-26", "matched"), ("2026-02-25", "proposed")])
    def test_it_looks_three_days_around(self, qingyu, acme, day, state):
        tell(acme, qingyu, "500.00", day=day)
        assert arrive(qingyu, row(amount="500.00")).state == state

    def test_another_end_of_the_account_is_in_doubt(self, qingyu, acme):
        tell(acme, qingyu, "500.00", last_digits="9999")
        credit = arrive(qingyu, row(amount="500.00"))
        assert why(credit) == [(acme.pk, ["claim", "other_payer"])]

    def test_a_third_party_s_claim_is_proposed(self, qingyu, acme):
        tell(acme, qingyu, "500.00", STRANGER)
        credit = arrive(qingyu, row(amount="500.00", payer=STRANGER))
        assert why(credit) == [(acme.pk, ["claim", "third_party"])]

    def test_a_claim_of_another_payer_is_only_shown(self, qingyu, acme):
        tell(acme, qingyu, "500.00", "别的公司")
        credit = arrive(qingyu, row(amount="500.00", payer=STRANGER))
        assert why(credit) == [(acme.pk, ["claim", "other_payer", "third_party"])]

    def test_two_credits_for_one_claim_are_both_in_doubt(self, qingyu, acme):
        tell(acme, qingyu, "500.00")
        bank(qingyu, row("A1", "500.00"), row("A2", "500.00"))
        matching.match_waiting(at=NOW)
        assert [credit.state for credit in BankCredit.objects.all()] == ["proposed", "proposed"]
        assert why(BankCredit.objects.first()) == [(acme.pk, ["claim", "several"])]

    def test_a_claim_that_comes_later_books_what_waited(self, qingyu, acme):
        credit = arrive(qingyu, row(amount="500.00"))
        tell(acme, qingyu, "500.00")
        assert matching.match_waiting(at=NOW) == 1
        credit.refresh_from_db()
        assert credit.state == "matched"

    def test_money_that_was_found_by_its_code_answers_the_claim(self, qingyu, acme):
        claim = tell(acme, qingyu, "199.00")
        arrive(qingyu, row(remark=code(acme, qingyu)))
        claim.refresh_from_db()
        assert claim.state == TransferClaim.State.MATCHED


def test_matching_again_books_nothing_again(qingyu, acme):
    credit = arrive(qingyu, row(remark=code(acme, qingyu)))
    assert matching.match_waiting(at=NOW) == 0
    with pytest.raises(matching.AlreadySettled):
        matching.match(credit, acme, at=NOW, by=None)
    assert Payment.objects.count() == 1


def test_two_banks_may_use_one_reference(qingyu, acme):
    other = shop.seller("other")
    version = shop.plan(other, [{"code": "b", "kind": "base", "model": "flat", "amount": "9.00"}], code="o")
    shop.subscribe(acme, version, "2026-03-01", label="o")
    arrive(qingyu, row("A1", remark=code(acme, qingyu)))
    credit = arrive(other, row("A1", "9.00", remark=code(acme, other)))
    assert (credit.state, credit.payment.reference) == ("matched", f"A1/{credit.pk}")


class TestGivingBack:
    def test_it_leaves_the_book_and_is_sealed(self, qingyu, operator):
        credit = arrive(qingyu, row(payer=STRANGER))
        matching.give_back(credit, reason="不是我们的客户", at=NOW, by=operator)
        assert ledger.balance(seller_id=qingyu.pk, currency="CNY", kind="suspense") == 0
        assert ledger.balance(seller_id=qingyu.pk, currency="CNY", kind="cash") == 0
        assert not list(checking.faults())
        with pytest.raises(matching.AlreadySettled):
            matching.give_back(credit, reason="again", at=NOW, by=operator)

    def test_it_wants_a_reason(self, qingyu, operator):
        credit = arrive(qingyu, row(payer=STRANGER))
        with pytest.raises(Invalid):
            matching.give_back(credit, reason="  ", at=NOW, by=operator)
