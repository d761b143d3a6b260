"""The operators' tables of this room; importing them registers them."""

from tenants.admin import adopted, companies, members, people, programs, telling, trail

__all__ = ["adopted", "companies", "members", "people", "programs", "telling", "trail"]
