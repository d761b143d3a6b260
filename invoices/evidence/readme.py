"""The text that lies on top of a pack, in both languages: what is in it and how to check it without us."""

from __future__ import annotations

from invoices.evidence.gathering import Scope

CHINESE = """证据包：{name}（{code}）
期间：{start} 至 {end}（当地日，末日计入），时区 {zone}
制作时间：{at}

里面有什么
  manifest.json         每个文件的 SHA-256、期间、制作人、数量
  manifest.sig          卖方对 manifest.json 的 Ed25519 签名（RFC 8032）
  invoices.json         账单；invoices/ 里是同一账单的 PDF
  credit_notes.json     冲减单
  lines.json            每一行怎么算出来：价格、计量、含量、资源包、步骤、优惠、税、期间
  prices.json           您接受的价格版本全文及其哈希
  usage.csv             每一条用量记录，含撤销的记录
  authorisations.json   您的授权全文、哈希、给出与撤回的时间
  notices.json          扣费通知与每一次送达
  payments.json         付款与扣款，以及它依据的授权与通知
  ledger.csv            账簿中与您有关的分录、每笔的哈希和盖在上面的封
  audit.csv             您账户上的操作记录

怎么核对（不需要联网，也不需要我们）
  1. 安装 Python 3.9 或更新的版本；在 Windows 上另装 tzdata（pip install tzdata）。
  2. 从卖方的网站取 verify_pack.py，或向任何人要一份：它只用 Python 自带的库。
  3. 运行：python3 -I verify_pack.py 这个文件.zip --public-key 公钥
     公钥请从卖方网站「签名公钥」一页抄来，不要只信包里的那一把。
  结果 0：全部一致；1：有不一致，逐条列出；2：文件读不了。

不能核对的，程序会逐条说明（例如期间开始之前的存量，只能按包里写的作为起点）。
账簿的封条覆盖卖方全部客户的账；为了不泄露别人的数据，包里只有您自己的分录和封条的哈希。
"""
ENGLISH = """Evidence pack: {name} ({code})
Period: {start} to {end} (local days, the last one included), time zone {zone}
Made: {at}

What is in it
  manifest.json         the SHA-256 of each file, the period, who made it, how many of each
  manifest.sig          the seller's Ed25519 signature over manifest.json (RFC 8032)
  invoices.json         the bills; in invoices/ the same bills as PDF
  credit_notes.json     the credit notes
  lines.json            how each line was computed: price, measure, allowance, packs, steps, discounts, tax, period
  prices.json           the price versions that you accepted, in full, with their hashes
  usage.csv             every usage record, also those that were taken back
  authorisations.json   the whole text of your authorisations, its hash, when given and withdrawn
  notices.json          the announced deductions, and every delivery
  payments.json         payments and deductions, with the authorisation and the notice they stand on
  ledger.csv            what the book says about you, the hash of each transaction and the seal over it
  audit.csv             what was done on your account

How to check it (no network, and none of us, is needed)
  1. Install Python 3.9 or later; on Windows also tzdata (pip install tzdata).
  2. Take verify_pack.py from the seller's site, or from anybody: it needs nothing but Python itself.
  3. Run: python3 -I verify_pack.py THIS_FILE.zip --public-key KEY
     Copy the key from the page “Signing keys” of the seller's site; do not trust the one inside the pack alone.
  It ends with 0: all agrees; 1: something does not, each thing is named; 2: the file cannot be read.

What cannot be checked is named too (such as the level before the period, which is taken as the pack states it).
The seals of the book cover the transactions of all customers; to give nothing of others away, the pack holds your own
transactions and the hashes of the seals.
"""


def text(scope: Scope, *, last: str, at: str) -> str:
    """Return the text for one pack; `last` is the last day of the period."""
    told = {"code": scope.tenant.code, "start": scope.start, "end": last, "zone": scope.tenant.timezone, "at": at}
    chinese = CHINESE.format(name=scope.tenant.name, **told)
    return f"{chinese}\n\n{ENGLISH.format(name=scope.tenant.name_en or scope.tenant.name, **told)}"
