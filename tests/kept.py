"""The story of the pages, told once for all tests of a file: each finds the rows as they were told, and objects of its own."""

from collections.abc import Iterator
from copy import deepcopy

import pytest
import time_machine
from django.db import connection, transaction

from tests import portal
from tests.portal import Portal


@pytest.fixture(scope="module")
def told_once(django_db_setup, django_db_blocker) -> Iterator[Portal]:
    """Tell it in a transaction around those of the tests, which is rolled back after the last of them."""
    with django_db_blocker.unblock(), transaction.atomic():
        with time_machine.travel(portal.NOON, tick=False):
            story = portal.story()
        connection.check_constraints()
        yield story
        transaction.set_rollback(True)


@pytest.fixture
def story(told_once) -> Portal:
    """Return the story, to be changed at will."""
    return deepcopy(told_once)
