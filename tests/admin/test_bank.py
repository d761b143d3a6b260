"""What operators do with transfers and statements: import, match with one click, decline, return, resolve, close."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from billing.money import Money
from invoices import claiming, matching, reconciling, remitting, statements
from invoices.models import BankCredit, BankFile, KnownPayer, ReconciledDay, RemittanceCode, StatementRow, TransferClaim
from tests import shop
from tests.admin.conftest import NOW, staff
from tests.admin.test_acts import ENGLISH, said, to, twice
from tests.invoices.bank_samples import HEAD, bank, row
from tests.invoices.stated import line

pytestmark = pytest.mark.django_db
STRANGER = "上海某某贸易有限公司"
QUEUE = "/admin/invoices/bankcredit/queue/"


@pytest.fixture(autouse=True)
def _now(time_machine):
    time_machine.move_to(NOW, tick=False)


def imported(desk, world, *rows, **more):
    file = SimpleUploadedFile("bank.csv", (HEAD + "".join(rows)).encode("gbk"))
    sent = {"seller": world.seller.pk, "file": file} | more
    return desk.post(reverse("admin:invoices_bankfile_import_statement"), sent, headers=ENGLISH, follow=True)


def waiting(world, *rows):
    bank(world.seller, *rows)
    matching.match_waiting(at=NOW)
    return BankCredit.objects.order_by("-pk")[0]


def coded(world):
    return remitting.code_of(world.tenant, world.seller, at=NOW).code


def claimed(world, amount="500.00", payer=STRANGER):
    day = shop.at("2026-03-01 00:00").date()
    told = {"paid_on": day, "payer_name": payer, "key": amount + payer, "at": NOW, "by": None}
    return claiming.claim(world.tenant, seller=world.seller, amount=Money.of(amount, "CNY"), **told)


class TestImporting:
    def test_it_imports_a_file_of_the_bank(self, desk, world):
        page = said(imported(desk, world, row("A1"), row("A2")))
        assert "2 new credits, 0 known already." in page
        assert BankFile.objects.get().by.name == "Olivia"

    def test_what_is_sure_is_booked_at_once(self, desk, world, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks(execute=True):
            imported(desk, world, row(remark=coded(world)))
        assert BankCredit.objects.get().state == "matched"

    def test_it_lists_bad_rows_and_imports_nothing(self, desk, world):
        page = said(imported(desk, world, row("A1"), row("A2", "x")))
        assert "Nothing was imported: 1 rows are wrong." in page
        assert "<td>3</td><td>贷方发生额</td>" in page
        assert not BankCredit.objects.exists()

    def test_it_says_what_is_wrong_with_the_file(self, desk, world):
        page = said(imported(desk, world, row("A1"), mapping="colour: red"))
        assert "does not know “colour”" in page


class TestTheQueue:
    def test_one_click_books_a_proposal(self, desk, world):
        credit = waiting(world, row(amount="1.00"))
        page = said(desk.get(QUEUE, headers=ENGLISH))
        assert "no such amount is due" in page
        desk.post(QUEUE, {"act": "match", "credit": credit.pk, "tenant": world.tenant.pk})
        credit.refresh_from_db()
        assert (credit.state, credit.settled_by.name) == ("matched", "Olivia")
        assert "Nothing waits" in said(desk.get(QUEUE, headers=ENGLISH))

    def test_a_third_party_wants_a_declaration(self, desk, world):
        credit = waiting(world, row(payer=STRANGER, remark=coded(world)))
        click = {"act": "match", "credit": credit.pk, "tenant": world.tenant.pk}
        assert "is not this customer" in said(desk.post(QUEUE, click, headers=ENGLISH, follow=True))
        desk.post(QUEUE, click | {"declaration": "声明 3月1日"})
        credit.refresh_from_db()
        assert (credit.state, credit.declaration) == ("matched", "声明 3月1日")

    def test_claims_stand_beside_and_are_answered_with_it(self, desk, world):
        claim = claimed(world)
        credit = waiting(world, row(amount="500.00", payer=STRANGER))
        assert STRANGER in said(desk.get(QUEUE))
        click = {"act": "match", "credit": credit.pk, "tenant": world.tenant.pk, "claim": claim.pk, "declaration": "d"}
        desk.post(QUEUE, click)
        claim.refresh_from_db()
        assert (claim.state, claim.credit) == ("matched", credit)

    def test_it_declines_a_claim_with_a_reason(self, desk, world):
        claim = claimed(world)
        assert "Say why" in said(desk.post(QUEUE, {"act": "decline", "claim": claim.pk}, headers=ENGLISH, follow=True))
        desk.post(QUEUE, {"act": "decline", "claim": claim.pk, "reason": "银行没有"})
        assert TransferClaim.objects.get().reason == "银行没有"

    @pytest.mark.parametrize(
        "click", [{"act": "x"}, {"act": "match", "credit": "999"}, {"act": "match", "credit": "x"}]
    )
    def test_nonsense_is_not_found(self, desk, world, click):
        assert desk.post(QUEUE, click).status_code == 404

    def test_who_may_only_look_sees_no_queue(self, client, world):
        client.force_login(staff("Viewer"), "allauth.account.auth_backends.AuthenticationBackend")
        assert client.get(QUEUE).status_code == 403
        assert client.post(QUEUE, {}).status_code == 403


class TestActs:
    def test_it_matches_a_named_customer_and_remembers_the_payer(self, desk, world):
        credit = waiting(world, row(payer=STRANGER))
        page = to("invoices_bankcredit", "match", credit)
        assert "Note the declaration" in said(desk.post(page, {"tenant": "acme"}, headers=ENGLISH))
        twice(desk, page, {"tenant": "acme", "declaration": "长期", "remember": "on"})
        credit.refresh_from_db()
        assert (credit.tenant, KnownPayer.objects.get().name) == (world.tenant, STRANGER)

    def test_it_notes_that_money_was_returned(self, desk, world):
        credit = waiting(world, row(payer=STRANGER))
        desk.post(to("invoices_bankcredit", "give_back", credit), {"reason": "汇错了"})
        credit.refresh_from_db()
        assert (credit.state, credit.reason) == ("returned", "汇错了")

    def test_it_adds_and_removes_a_known_payer(self, desk, world):
        sent = {"tenant": "acme", "name": STRANGER, "declaration": "声明"}
        desk.post(reverse("admin:invoices_knownpayer_know"), sent)
        payer = KnownPayer.objects.get()
        desk.post(to("invoices_knownpayer", "forget", payer), {"x": "1"})
        payer.refresh_from_db()
        assert payer.removed_at == NOW

    def test_it_notes_a_virtual_account(self, desk, world):
        coded(world)
        code = RemittanceCode.objects.get()
        desk.post(to("invoices_remittancecode", "give_account", code), {"virtual_account": "9999 0000 1111"})
        code.refresh_from_db()
        assert code.virtual_account == "999900001111"

    def test_it_opens_a_receipt(self, desk, world):
        receipt = claiming.Receipt("a.pdf", b"%PDF-1.7")
        day = shop.at("2026-03-01 00:00").date()
        told = {"paid_on": day, "payer_name": "x", "key": "r", "at": NOW, "by": None, "receipt": receipt}
        claim = claiming.claim(world.tenant, seller=world.seller, amount=Money.of("5.00", "CNY"), **told)
        assert desk.get(to("invoices_transferclaim", "receipt", claim)).content == b"%PDF-1.7"


class TestStatements:
    @pytest.fixture
    def day(self, world) -> ReconciledDay:
        on = shop.at("2026-03-01 00:00").date()
        lines = [line("u", 8_800, "2026-03-01 10:00"), line("r", 500, "2026-03-01 11:00", refund=True)]
        statements.keep(world.seller, "alipay", on, lines, currency="CNY", at=NOW)
        return reconciling.compare(world.seller, "alipay", on, "CNY", at=NOW)

    def test_a_difference_stands_there_with_its_cause(self, desk, world, day):
        page = said(desk.get("/admin/invoices/statementrow/?open=yes", headers=ENGLISH))
        assert "Returned at the provider" in page
        assert "under no number of ours" in said(desk.get(to("invoices_reconciledday", "change", day), headers=ENGLISH))

    def test_it_resolves_and_closes(self, desk, world, day):
        for one, how in zip(StatementRow.objects.order_by("pk"), ("suspense", "differences"), strict=True):
            page = to("invoices_statementrow", "resolve", one)
            assert f'value="{how}"' in said(desk.get(page))
            assert desk.post(page, {"resolution": how, "reason": "查过"}).status_code == 302
        day.refresh_from_db()
        assert day.state == "agrees"
        desk.post(to("invoices_reconciledday", "close", day), {"x": "1"})
        day.refresh_from_db()
        assert (day.state, day.closed_by.name) == ("closed", "Olivia")

    def test_above_the_limit_it_asks_for_a_second_person(self, desk, client, world, day):
        type(world.seller).objects.update(refund_limit_minor=0)
        one = StatementRow.objects.filter(refund=False).get()
        page, sent = to("invoices_statementrow", "resolve", one), {"resolution": "suspense", "reason": "查过"}
        assert "second person" in said(desk.post(page, sent, headers=ENGLISH, follow=True))
        assert "second person" in said(desk.post(page, sent, headers=ENGLISH))
        client.force_login(staff("Billing operator"), "allauth.account.auth_backends.AuthenticationBackend")
        client.post(page, sent)
        one.refresh_from_db()
        assert one.state == "resolved"

    def test_comparing_again_asks_first(self, desk, world, day):
        page = to("invoices_reconciledday", "compare", day)
        assert "fetched anew" in said(desk.get(page, headers=ENGLISH))
        assert desk.post(page, {"x": "1"}).status_code == 302

    def test_it_fetches_what_is_due(self, desk, world):
        assert desk.post(reverse("admin:invoices_reconciledday_fetch"), {"x": "1"}).status_code == 302
