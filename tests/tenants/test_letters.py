"""The subject carries the news, the figures are those of the payload, and nothing is loaded from outside."""

import re

import pytest

from tenants import letters
from tests.tenants.letters_samples import Brand, chinese, english

EVERY = [("zh-hans", kind, payload) for kind, payload in chinese().items()] + [
    ("en", kind, payload) for kind, payload in english().items()
]
NAMES = [f"{kind}-{language}" for language, kind, payload in EVERY]


@pytest.fixture(autouse=True)
def site(settings):
    settings.SITE_URL = "https://billing.example"


def write(kind: str, language: str = "zh-hans", **changes) -> letters.Letter:
    payloads = chinese() if language == "zh-hans" else english()
    return letters.compose(kind, {**payloads[kind], **changes}, language, Brand())


@pytest.mark.parametrize(("language", "kind", "payload"), EVERY, ids=NAMES)
def test_it_writes_every_kind_in_both_languages(language, kind, payload):
    letter = letters.compose(kind, payload, language, Brand())
    assert letter.subject == letter.subject.strip()
    assert "\n" not in letter.subject
    assert payload["tenant"] in letter.subject
    for part in (letter.text, letter.html):
        assert f"https://billing.example{payload['path']}" in part
        assert "400-000-0000" in part
        assert "{{" not in part
        assert "{%" not in part


@pytest.mark.parametrize(("language", "kind", "payload"), EVERY, ids=NAMES)
def test_it_speaks_one_language(language, kind, payload):
    letter = letters.compose(kind, payload, language, Brand())
    said = letter.text.replace("杭州青屿软件有限公司", "")
    if language == "en":
        assert not re.search(r"[\u3000-\u9fff\uff00-\uffef]", said + letter.subject)
    else:
        assert not re.search(r"[a-z]{4,}", re.sub(r"https?://\S+", "", said + letter.subject))
        assert not re.search(r"[。，：；] ", said)


@pytest.mark.parametrize(("language", "kind", "payload"), EVERY, ids=NAMES)
def test_it_loads_nothing_and_carries_its_styles_in_the_elements(language, kind, payload):
    html = letters.compose(kind, payload, language, Brand()).html
    assert "<style" not in html
    assert "<img" not in html
    assert "url(" not in html
    assert set(re.findall(r"https?://[^\"'<\s]+", html)) == {f"https://billing.example{payload['path']}"}
    assert "max-width: 600px" in html


@pytest.mark.parametrize(
    ("kind", "changes", "subject"),
    [
        ("invoice_issued", {}, "账单 QY-2026-001187：请在11月30日（周一）前付 ¥2,707.00（苏州沐禾）"),
        ("invoice_issued", {"due_date": None}, "账单 QY-2026-001187：要付 ¥2,707.00（苏州沐禾）"),
        ("invoice_issued", {"due_minor": 0}, "账单 QY-2026-001187：¥2,707.00，已付清（苏州沐禾）"),
        ("invoice_issued", {"due_minor": 0, "total_minor": 0}, "账单 QY-2026-001187：不用付款（苏州沐禾）"),
        ("credit_note_issued", {}, "账单 QY-2026-001187 冲减 ¥36.00，¥36.00 已退回余额（苏州沐禾）"),
        ("credit_note_issued", {"returned_minor": 0}, "账单 QY-2026-001187 冲减 ¥36.00（苏州沐禾）"),
        ("credit_note_issued", {"back_minor": 3600}, "账单 QY-2026-001187 冲减 ¥36.00，¥36.00 按原路退回（苏州沐禾）"),
        ("payment_received", {}, "已收到 ¥3,000.00，谢谢（苏州沐禾）"),
        ("refund_sent", {}, "¥36.00 正由对公转账退回给您（苏州沐禾）"),
        ("refund_arrived", {}, "¥36.00 已由对公转账退到您的账户（苏州沐禾）"),
        ("refund_failed", {}, "¥36.00 不能由对公转账退回，已放入您的余额（苏州沐禾）"),
        ("renewal_stopped", {}, "已停止自动续费，12月1日（周二）不会扣款（苏州沐禾）"),
        (
            "subscription_changed",
            {},
            "2026年11月25日（周三）起，套餐由「专业版」换成「旗舰版」（苏州沐禾）",
        ),
        ("purchase_undone", {}, "2026年11月25日（周三）起，套餐由「专业版」换成「旗舰版」（苏州沐禾）"),
        ("duplicate_found", {}, "可能重复：2026年11月25日（周三）起，套餐由「专业版」换成「旗舰版」（苏州沐禾）"),
        ("price_change_announced", {}, "12月1日（周二）起专业版有新价格（苏州沐禾）"),
        ("price_change_withdrawn", {}, "专业版的新价格不执行，您的价格不变（苏州沐禾）"),
        ("charge_reminder", {}, "提醒：12月1日（周二）最多扣 ¥2,783.00（苏州沐禾）"),
        ("renewal_coming", {}, "专业版将在12月1日（周二）续期，每月 ¥2,583.00（苏州沐禾）"),
        ("trial_ending", {}, "专业版的试用到11月30日（周一）为止，之后每月 ¥2,583.00（苏州沐禾）"),
        ("trial_ending", {"afterwards": "ends"}, "专业版的试用到11月30日（周一）为止，不会扣款（苏州沐禾）"),
        ("gift_lapsing", {}, "赠送的 ¥200.00 可用到11月30日（周一）（苏州沐禾）"),
        ("bill_held", {}, "有一张 ¥4,310.00 的账单比平时高很多，我们先停下了（苏州沐禾）"),
        ("balance_low", {}, "余额在11月30日（周一）前还差 ¥663.00（苏州沐禾）"),
        ("balance_low", {"missing_minor": 0, "alert_minor": 300000}, "余额还有 ¥2,120.00（苏州沐禾）"),
        ("allowance_used", {}, "「消息」已用到套餐内的 80%（苏州沐禾）"),
        ("budget_used", {}, "预算 ¥500.00 已用到 80%（苏州沐禾）"),
        ("budget_used", {"what": "消息"}, "「消息」的预算 ¥500.00 已用到 80%（苏州沐禾）"),
        ("budget_forecast", {}, "照现在的用法会超过预算 ¥500.00（苏州沐禾）"),
        ("cap_reached", {}, "已到您设定的 ¥500.00，请您决定（苏州沐禾）"),
        ("pack_lapsing", {}, "资源包「消息」还剩 1,200.5\u00a0条，可用到11月30日（周一）（苏州沐禾）"),
        ("quote_sent", {}, "报价 QYQ-2026-000012：专业版，总共 ¥32,800.00，11月30日（周一）前有效（苏州沐禾）"),
        ("quote_accepted", {}, "报价 QYQ-2026-000012 已接受，专业版从12月1日（周二）开始（苏州沐禾）"),
        ("approval_asked", {}, "陈静请您批准一项购买：现在要付 ¥300.00（苏州沐禾）"),
        ("approval_asked", {"do": "set_limit"}, "陈静请您批准新的购买限额（苏州沐禾）"),
        ("approval_answered", {}, "您申请的购买，陈静没有批准（苏州沐禾）"),
        ("approval_answered", {"state": "approved"}, "您申请的购买，陈静已批准，已照办（苏州沐禾）"),
        ("approval_answered", {"state": "expired"}, "您申请的购买七天内没有人答复（苏州沐禾）"),
        ("approval_answered", {"state": "outdated"}, "您申请的购买现在的结果已不同，请重新申请（苏州沐禾）"),
        ("member_invited", {}, "陈静邀请您查看苏州沐禾的费用中心"),
    ],
)
def test_its_subject_carries_the_news(kind, changes, subject):
    assert write(kind, **changes).subject == subject


def test_its_subject_carries_the_news_in_english():
    expected = "Bill QY-2026-001187: ¥2,707.00, please pay by Mon 30 Nov (Suzhou Muhe)"
    assert write("invoice_issued", "en").subject == expected


def test_it_prints_each_line_and_the_total():
    letter = write("invoice_issued")
    for text in ("¥1,299.00", "18\u00a0个 × ¥58.00", "−¥60.00", "2,480\u00a0条 × ¥0.05", "人民币贰仟柒佰零柒元整"):
        assert text in letter.text
        assert text in letter.html.replace("&nbsp;", "\u00a0")


def test_it_escapes_what_people_write_in_html_only():
    letter = write("member_invited", inviter="<b>陈静</b> & 周敏")
    assert letter.subject == "<b>陈静</b> & 周敏邀请您查看苏州沐禾的费用中心"
    assert "<b>陈静</b> & 周敏" in letter.text
    assert "<b>陈静" not in letter.html


def test_it_keeps_a_line_break_out_of_the_subject():
    assert "\n" not in write("member_invited", inviter="陈静\nBcc: charlie@example.com").subject


def test_it_greets_nobody_by_name_when_it_knows_none():
    assert write("invoice_issued", recipient="").text.startswith("您好：")


def test_it_refuses_a_payload_with_a_gap():
    with pytest.raises(ValueError, match="lacks due_minor, total_minor"):
        letters.compose(
            "invoice_issued",
            {"tenant": "沐禾", "path": "/", "number": "1", "currency": "CNY", "lines": []},
            "zh-hans",
            Brand(),
        )


def test_it_refuses_an_unknown_kind_and_a_foreign_address():
    with pytest.raises(ValueError, match="no letter is written"):
        letters.compose("advert", {}, "zh-hans", Brand())
    with pytest.raises(ValueError, match="starts with a slash"):
        write("member_invited", path="https://elsewhere.example/")


def test_it_says_by_when_a_refund_arrives_and_what_became_of_one_that_could_not():
    sent = write("refund_sent").text
    assert "账单 QY-2026-001187 的退款，已交给对公转账：¥36.00" in sent.replace(" ¥", "¥").replace("： ", "：")
    assert "11月27日（周五）前到账" in sent
    assert "8812345" in sent
    assert "余额" in write("refund_sent", number="").text
    assert "一分没少" in write("refund_failed").text
    assert "¥36.00 您已付过，会按原来的付款方式退回" in write("credit_note_issued", back_minor=3600).text
