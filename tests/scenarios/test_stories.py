"""Every story comes to what was reckoned by hand."""

import pytest

from invoices.rehearsal import rehearse
from tests.scenarios.telling import Story, differences, stories, tell


@pytest.mark.story
@pytest.mark.django_db
@pytest.mark.parametrize("story", list(stories()), ids=lambda story: story.name)
def test_it_comes_to_what_was_reckoned_by_hand(story: Story) -> None:
    found = differences(story.expect, tell(story.story, rehearse))
    assert not found, "\n".join(["", *found])
