"""A merchant written for these tests alone: signs and verifies with `cryptography`, and knows no SDK and no adapter."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from defusedxml import ElementTree

from tests.sandbox import Running

HERE = "https://merchant.example/callbacks"
BEIJING = ZoneInfo("Asia/Shanghai")


@cache
def private_key(pem: str) -> Any:
    return serialization.load_pem_private_key(pem.encode(), None)


def rsa(private_pem: str, text: str) -> str:
    key = private_key(private_pem)
    return base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


def check(public_pem: str, text: str, signature: str) -> None:
    """Raise InvalidSignature unless it is right."""
    key = serialization.load_pem_public_key(public_pem.encode())
    key.verify(base64.b64decode(signature), text.encode(), padding.PKCS1v15(), hashes.SHA256())


def alipay_request(sandbox: Running, method: str, content: dict[str, Any], **more: str) -> dict[str, str]:
    """Return the signed parameters of a request."""
    account = sandbox.account["alipay"]
    told = {
        "app_id": account["app_id"],
        "method": method,
        "charset": "utf-8",
        "sign_type": "RSA2",
        "timestamp": sandbox.now.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S"),
        "version": "1.0",
        "notify_url": HERE,
        "biz_content": json.dumps(content, ensure_ascii=False),
    } | more
    text = "&".join(f"{k}={v}" for k, v in sorted(told.items()) if v)
    return told | {"sign": rsa(account["secrets"]["private_key"], text)}


def alipay(sandbox: Running, method: str, content: dict[str, Any], **more: str) -> dict[str, Any]:
    """Ask Alipay, check the answer's signature and return what it says."""
    told = alipay_request(sandbox, method, content, **more)
    answer = requests.post(sandbox.account["alipay"]["gateway"], data=told, timeout=10)
    key = f"{method.replace('.', '_')}_response"
    whole = answer.json()
    inner = answer.text[len(f'{{"{key}":') : answer.text.rindex(',"sign":')]
    check(sandbox.account["alipay"]["secrets"]["public_key"], inner, whole["sign"])
    return whole[key]


def alipay_page(sandbox: Running, method: str, content: dict[str, Any], **more: str) -> requests.Response:
    """Open an address of Alipay as a browser does."""
    address = f"{sandbox.account['alipay']['gateway']}?{urlencode(alipay_request(sandbox, method, content, **more))}"
    return requests.get(address, timeout=10)


def wechat_headers(sandbox: Running, method: str, target: str, body: str) -> dict[str, str]:
    account = sandbox.account["wechat"]
    moment, nonce = str(int(sandbox.now.timestamp())), secrets.token_hex(16)
    signature = rsa(account["secrets"]["private_key"], f"{method}\n{target}\n{moment}\n{nonce}\n{body}\n")
    told = {
        "mchid": account["merchant"],
        "nonce_str": nonce,
        "signature": signature,
        "timestamp": moment,
        "serial_no": account["secrets"]["serial"],
    }
    parts = ",".join(f'{k}="{v}"' for k, v in told.items())
    return {"Authorization": f"WECHATPAY2-SHA256-RSA2048 {parts}", "Content-Type": "application/json"}


def wechat(sandbox: Running, method: str, target: str, content: dict[str, Any] | None = None) -> requests.Response:
    """Ask WeChat v3 and check the answer's signature."""
    body = "" if content is None else json.dumps(content, ensure_ascii=False)
    headers = wechat_headers(sandbox, method, target, body)
    answer = requests.request(method, sandbox.base + target, data=body.encode(), headers=headers, timeout=10)
    check_wechat(sandbox, answer.headers, answer.content)
    return answer


def check_wechat(sandbox: Running, headers: Any, body: bytes) -> None:
    """Check the signature of an answer or a callback of WeChat v3."""
    text = f"{headers['Wechatpay-Timestamp']}\n{headers['Wechatpay-Nonce']}\n{body.decode()}\n"
    check(sandbox.account["wechat"]["secrets"]["public_key"], text, headers["Wechatpay-Signature"])


def native(sandbox: Running, number: str = "MZ000001", total: int = 12_800, **more: Any) -> requests.Response:
    account = sandbox.account["wechat"]
    content = {
        "appid": account["app_id"],
        "mchid": account["merchant"],
        "description": "轻语 SCRM 2026-12",
        "out_trade_no": number,
        "notify_url": HERE,
        "amount": {"total": total, "currency": "CNY"},
    }
    return wechat(sandbox, "POST", "/v3/pay/transactions/native", content | more)


def order_query(sandbox: Running, number: str = "MZ000001") -> dict[str, Any]:
    merchant = sandbox.account["wechat"]["merchant"]
    return wechat(sandbox, "GET", f"/v3/pay/transactions/out-trade-no/{number}?mchid={merchant}").json()


def precreate(sandbox: Running, number: str = "MZ000001", amount: str = "128.00", **more: Any) -> dict[str, Any]:
    content = {"out_trade_no": number, "total_amount": amount, "subject": "轻语 SCRM {2026-12}"} | more
    return alipay(sandbox, "alipay.trade.precreate", content)


def xml_fields(body: bytes) -> dict[str, str]:
    return {element.tag: element.text or "" for element in ElementTree.fromstring(body)}


def keyed(fields: dict[str, str], key: str, digest: str = "MD5") -> str:
    """Return the v2 sign, worked out here once more."""
    text = "&".join(f"{k}={v}" for k, v in sorted(fields.items()) if v and k != "sign") + f"&key={key}"
    if digest == "MD5":
        return hashlib.md5(text.encode()).hexdigest().upper()
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest().upper()


def papay_fields(sandbox: Running, fields: dict[str, str], digest: str = "MD5") -> dict[str, str]:
    account = sandbox.account["wechat"]
    told = {"appid": account["app_id"], "mch_id": account["merchant"], "nonce_str": secrets.token_hex(8)} | fields
    return told | {"sign": keyed(told, account["secrets"]["v2_key"], digest)}


def papay(sandbox: Running, path: str, fields: dict[str, str], digest: str = "MD5") -> dict[str, str]:
    """Ask WeChat v2, check the answer's sign and return what it says."""
    told = papay_fields(sandbox, fields, digest)
    body = "<xml>" + "".join(f"<{k}><![CDATA[{v}]]></{k}>" for k, v in told.items()) + "</xml>"
    answer = xml_fields(requests.post(sandbox.base + path, data=body.encode(), timeout=10).content)
    if answer["return_code"] == "SUCCESS":
        assert answer["sign"] == keyed(answer, sandbox.account["wechat"]["secrets"]["v2_key"], digest)
    return answer


def sign_papay(sandbox: Running, number: str = "CONTRACT1") -> str:
    """Let a person sign a contract of WeChat and return its contract_id."""
    told = {
        "plan_id": sandbox.account["wechat"]["plan"],
        "contract_code": number,
        "request_serial": "1",
        "contract_display_account": "Kunlun",
        "notify_url": HERE,
        "version": "1.0",
        "timestamp": str(int(sandbox.now.timestamp())),
    }
    assert requests.get(f"{sandbox.base}/papay/entrustweb?{urlencode(papay_fields(sandbox, told))}", timeout=10).ok
    sandbox.sign("wechat", number)
    return sandbox.contract("wechat", number).contract_no


def debit(sandbox: Running, contract: str, number: str, fee: int = 19_900) -> dict[str, str]:
    told = {
        "body": "轻语 SCRM",
        "out_trade_no": number,
        "total_fee": str(fee),
        "spbill_create_ip": "127.0.0.1",
        "notify_url": HERE,
        "trade_type": "PAP",
        "contract_id": contract,
    }
    return papay(sandbox, "/pay/pappayapply", told)


def pre_notice(sandbox: Running, contract: str, fee: int = 19_900, days: int = 7) -> requests.Response:
    account = sandbox.account["wechat"]
    content = {
        "mchid": account["merchant"],
        "appid": account["app_id"],
        "deduct_duration": {"count": days, "unit": "DAY"},
        "estimated_amount": {"amount": fee, "currency": "CNY"},
    }
    return wechat(sandbox, "POST", f"/v3/papay/contracts/{contract}/notify", content)


def sign_cycle(sandbox: Running, number: str = "CYCLE1", **rule: str) -> str:
    """Let a person sign a cycle agreement of Alipay, due on the 6th of each month, and return its agreement_no."""
    params = {"period_type": "MONTH", "period": "1", "execute_time": "2026-12-06", "single_amount": "199.00"} | rule
    content = {
        "personal_product_code": "CYCLE_PAY_AUTH_P",
        "product_code": "CYCLE_PAY_AUTH",
        "sign_scene": "INDUSTRY|DIGITAL_MEDIA",
        "external_agreement_no": number,
        "access_params": {"channel": "QRCODE"},
        "period_rule_params": params,
    }
    assert alipay_page(sandbox, "alipay.user.agreement.page.sign", content).ok
    sandbox.sign("alipay", number)
    return sandbox.contract("alipay", number).contract_no


def cycle_pay(sandbox: Running, agreement: str, number: str, amount: str = "199.00") -> dict[str, Any]:
    content = {
        "out_trade_no": number,
        "total_amount": amount,
        "subject": "轻语 SCRM",
        "product_code": "CYCLE_PAY_AUTH",
        "agreement_params": {"agreement_no": agreement},
    }
    return alipay(sandbox, "alipay.trade.pay", content)


def wechat_refund(sandbox: Running, number: str, minor: int, *, order: str = "MZ000001") -> requests.Response:
    content = {
        "out_trade_no": order,
        "out_refund_no": number,
        "reason": "减少席位",
        "notify_url": HERE,
        "amount": {"refund": minor, "total": sandbox.order("wechat", order).minor, "currency": "CNY"},
    }
    return wechat(sandbox, "POST", "/v3/refund/domestic/refunds", content)


def alipay_refund(sandbox: Running, number: str, amount: str, *, order: str = "MZ000001") -> dict[str, Any]:
    content = {"out_trade_no": order, "refund_amount": amount, "out_request_no": number}
    return alipay(sandbox, "alipay.trade.refund", content)


def paid(sandbox: Running, provider: str, number: str = "MZ000001", minor: int = 12_800) -> None:
    """Let a person pay so many fen."""
    if provider == "alipay":
        precreate(sandbox, number, f"{minor // 100}.{minor % 100:02}")
    else:
        native(sandbox, number, minor)
    sandbox.approve(provider, number)


def form_of(sent: Any) -> dict[str, str]:
    """Return a callback of Alipay, its signature checked."""
    told = dict(parse_qsl(sent.body.decode(), keep_blank_values=True))
    text = "&".join(f"{k}={v}" for k, v in sorted(told.items()) if k not in ("sign", "sign_type"))
    return told | {"signed": text}


def event_of(sandbox: Running, sent: Any) -> dict[str, Any]:
    """Return a callback of WeChat v3, its signature checked and its resource opened."""
    check_wechat(sandbox, sent.headers, sent.body)
    told = json.loads(sent.body)
    sealed = told["resource"]
    key = AESGCM(sandbox.account["wechat"]["secrets"]["v3_key"].encode())
    text = key.decrypt(
        sealed["nonce"].encode(), base64.b64decode(sealed["ciphertext"]), sealed["associated_data"].encode()
    )
    return told | {"opened": json.loads(text)}
