from tenants.models.agreements import Authorisation
from tenants.models.companies import Contact, CustomerGroup, Seller, Tag, Tenant
from tenants.models.people import ApiKey, Member, User
from tenants.models.telling import Bounce, NoticePreference, Opening, WeComBot
from tenants.models.trail import AuditEntry, AuditSeal, Delivery, IdempotencyKey, Notice

__all__ = [
    "ApiKey",
    "AuditEntry",
    "AuditSeal",
    "Authorisation",
    "Bounce",
    "Contact",
    "CustomerGroup",
    "Delivery",
    "IdempotencyKey",
    "Member",
    "Notice",
    "NoticePreference",
    "Opening",
    "Seller",
    "Tag",
    "Tenant",
    "User",
    "WeComBot",
]
