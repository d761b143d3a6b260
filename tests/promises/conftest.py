from tests.shopping import qingyu

__all__ = ["qingyu"]
