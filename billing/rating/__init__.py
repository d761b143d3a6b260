"""What a quantity costs: one file per price shape, the words for it, and parts of periods. No Django in here."""

from billing.rating.errors import InputError, PriceError
from billing.rating.price import SHAPES, Price, parse_price
from billing.rating.pricing import Rated, rate
from billing.rating.proration import credit, prorate, prorate_minor, prorated
from billing.rating.steps import Step

__all__ = [
    "SHAPES",
    "InputError",
    "Price",
    "PriceError",
    "Rated",
    "Step",
    "credit",
    "parse_price",
    "prorate",
    "prorate_minor",
    "prorated",
    "rate",
]
