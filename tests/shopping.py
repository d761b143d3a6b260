"""What the tests of billing share: a seller with the usual meters."""

import pytest

from billing import defining
from tests import shop

METERS = [
    shop.MESSAGES,
    {"code": "storage", "name": "存储", "aggregation": "latest", "unit": "GB", "recurring": True},
    {"code": "turnover", "name": "成交额", "aggregation": "sum", "unit": "元"},
    {"code": "sms", "name": "短信", "aggregation": "sum", "unit": "条", "dimensions": ["region"]},
]


@pytest.fixture
def qingyu():
    sold_by = shop.seller()
    defining.define_meters(sold_by, METERS, at=shop.OPENED)
    return sold_by
