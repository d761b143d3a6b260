"""Many rows in one statement."""

import pytest
from django.db import transaction

from tenants.bulk import copy_in
from tenants.errors import AskedWhileWriting
from tenants.models import Tag, Tenant


@pytest.mark.django_db
def test_rows_that_ask_the_database_while_they_are_written_are_refused_and_do_not_wait_for_ever():
    asking = ((str(Tenant.objects.count()),) for _n in range(1))
    with pytest.raises(AskedWhileWriting), transaction.atomic():
        copy_in(Tag, ["name"], asking)
    assert not Tag.objects.exists()
