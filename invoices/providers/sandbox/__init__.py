"""The gateways of Alipay and WeChat Pay as far as we use them, on loopback, with keys they make themselves.

Not a part of the product that serves customers: `manage.py payment_sandbox` runs it for the demo, and the tests drive our
adapters through it over real HTTP. It shares no code with the adapters, so that a mistake in one shows in the other.
The rules it obeys are those of the providers; where the providers' papers are silent the docstrings say what was assumed.
"""
