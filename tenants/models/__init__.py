from tenants.models.agreements import Authorisation
from tenants.models.companies import Contact, CustomerGroup, Seller, Tag, Tenant
from tenants.models.people import ApiKey, Member, User
from tenants.models.trail import AuditEntry, Delivery, IdempotencyKey, Notice

__all__ = [
    "ApiKey",
    "AuditEntry",
    "Authorisation",
    "Contact",
    "CustomerGroup",
    "Delivery",
    "IdempotencyKey",
    "Member",
    "Notice",
    "Seller",
    "Tag",
    "Tenant",
    "User",
]
