"""Members: invited, given another role, removed; a company always keeps an owner."""

import pytest
from django.test import Client

from tenants import people
from tenants.errors import Conflict, Invalid, NotFound
from tenants.models import AuditEntry, Member, User
from tests.tenants.conftest import NOW

pytestmark = pytest.mark.django_db


def membership(user: User) -> Member:
    return Member.objects.get(user=user)


def test_it_invites_a_new_person_with_a_way_to_choose_a_password(acme, alice):
    invitation = people.invite(acme, email=" Dora@Acme.example ", role="payer", name="Dora", at=NOW, by=alice)
    person = User.objects.get(email="dora@acme.example")
    assert invitation.member.user == person
    assert person.has_usable_password()
    assert Client().get(invitation.reset_path, follow=True).status_code == 200
    assert AuditEntry.objects.get(verb="member.invited").detail == {"email": "dora@acme.example", "role": "payer"}


def test_it_invites_a_known_person_without_touching_the_password(acme, charlie):
    before = charlie.password
    invitation = people.invite(acme, email="CHARLIE@elsewhere.example", role="viewer", at=NOW, by=None)
    charlie.refresh_from_db()
    assert (invitation.member.user, invitation.reset_path, charlie.password) == (charlie, None, before)


def test_it_refuses_a_member_twice(acme, bob):
    with pytest.raises(Conflict) as refusal:
        people.invite(acme, email=bob.email, role="viewer", at=NOW, by=None)
    assert refusal.value.field == "email"


@pytest.mark.parametrize(("email", "role", "field"), [("nobody", "viewer", "email"), ("a@b.example", "king", "role")])
def test_it_refuses_a_wrong_invitation(acme, email, role, field):
    with pytest.raises(Invalid) as refusal:
        people.invite(acme, email=email, role=role, at=NOW, by=None)
    assert refusal.value.field == field
    assert not User.objects.exists()


def test_it_changes_a_role(acme, alice, bob):
    people.change_role(membership(bob), "admin", at=NOW, by=alice)
    assert membership(bob).role == "admin"
    assert AuditEntry.objects.get(verb="member.role_changed").detail == {"role": ["viewer", "admin"]}


def test_it_keeps_the_last_owner(acme, alice, bob):
    with pytest.raises(people.LastOwner):
        people.change_role(membership(alice), "viewer", at=NOW, by=alice)
    with pytest.raises(people.LastOwner):
        people.remove(membership(alice), at=NOW, by=alice)
    assert membership(alice).role == "owner"


def test_it_lets_an_owner_go_when_there_is_another(acme, alice, bob):
    people.change_role(membership(bob), "owner", at=NOW, by=alice)
    people.remove(membership(alice), at=NOW, by=bob)
    assert list(Member.objects.values_list("user__email", flat=True)) == [bob.email]
    assert User.objects.filter(pk=alice.pk).exists()


def test_it_does_not_count_an_owner_who_may_not_log_in(acme, alice, bob):
    people.change_role(membership(bob), "owner", at=NOW, by=alice)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    with pytest.raises(people.LastOwner):
        people.remove(membership(alice), at=NOW, by=None)


def test_it_says_that_a_member_is_gone(acme, alice, bob):
    member = membership(bob)
    people.remove(membership(bob), at=NOW, by=alice)
    with pytest.raises(NotFound):
        people.remove(member, at=NOW, by=alice)
