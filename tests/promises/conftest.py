from tests.kept import story, told_once
from tests.shopping import qingyu

__all__ = ["qingyu", "story", "told_once"]
