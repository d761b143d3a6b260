"""WeChat's deduction contracts: signing on the page, querycontract, deletecontract."""

from __future__ import annotations

import re

from invoices.providers.sandbox import contracting, wechat_trades
from invoices.providers.sandbox.gate import Refusal, Sandbox, beijing, token
from invoices.providers.sandbox.records import Contract
from invoices.providers.sandbox.signing import digest_of

Fields = dict[str, str]
NUMBER = re.compile(r"[0-9A-Za-z_\-|*@]{1,32}")
SERIAL = re.compile(r"[0-9]{1,18}")
NEEDED = ("contract_code", "request_serial", "contract_display_account", "notify_url", "version", "timestamp")
NEVER = "2115-02-01 00:00:00"


def sign(sandbox: Sandbox, fields: Fields) -> str:
    """Return where the browser goes on to: the page on which this contract is signed."""
    missing = [name for name in NEEDED if not fields.get(name)]
    if missing or not NUMBER.fullmatch(fields["contract_code"]) or not SERIAL.fullmatch(fields["request_serial"]):
        raise Refusal("PARAM_ERROR", missing[0] if missing else "contract_code")
    if fields.get("plan_id") != sandbox.keys.wechat_plan:
        raise Refusal("PARAM_ERROR", "plan_id")
    wanted = Contract(
        provider="wechat",
        number=fields["contract_code"],
        state="open",
        token=token(),
        name=fields["contract_display_account"],
        notify_url=wechat_trades.address_of(fields["notify_url"], needed=True),
        return_url=fields.get("return_url", ""),
        opened_at=sandbox.clock.now(),
        plan=fields["plan_id"],
        serial=fields["request_serial"],
        digest=digest_of(fields),
    )
    try:
        return sandbox.page(contracting.begin(sandbox, wanted).token)
    except contracting.Signed:
        raise Refusal("CONTRACT_CODE_USED", "签约协议号重复") from None


def find(sandbox: Sandbox, fields: Fields) -> Contract:
    """Return the contract that a request names: by WeChat's number, or by template and ours."""
    made = contracting.by_number(sandbox, "wechat", fields.get("contract_id", ""))
    if made is None and fields.get("plan_id") == sandbox.keys.wechat_plan:
        made = sandbox.store.contracts.get(f"wechat:{fields.get('contract_code')}")
    if made is None or made.signed_at is None:
        raise Refusal("CONTRACT_NOT_EXIST", "协议不存在")
    return made


def query(sandbox: Sandbox, fields: Fields) -> Fields:
    """Say how a contract stands: contract_state 0 in force, 1 ended; one that was never signed does not exist."""
    made = find(sandbox, fields)
    found = {
        "contract_id": made.contract_no,
        "plan_id": made.plan,
        "request_serial": made.serial,
        "contract_code": made.number,
        "contract_display_account": made.name,
        "contract_state": "1" if made.state == "ended" else "0",
        "contract_signed_time": beijing(made.signed_at or made.opened_at),
        "contract_expired_time": NEVER,
        "openid": made.payer,
    }
    if made.ended_at:
        found["contract_terminated_time"] = beijing(made.ended_at)
        found["contract_termination_mode"] = str(made.end_mode)
    return found


def delete(sandbox: Sandbox, fields: Fields) -> Fields:
    """End a contract for the merchant; the template's address is told of it."""
    made = find(sandbox, fields)
    if not fields.get("contract_termination_remark"):
        raise Refusal("PARAM_ERROR", "contract_termination_remark")
    if made.state == "ended":
        raise Refusal("CONTRACT_TERMINATED", "协议已解约")
    contracting.end(sandbox, made, contracting.BY_MERCHANT)
    return {"contract_id": made.contract_no, "plan_id": made.plan, "contract_code": made.number}
