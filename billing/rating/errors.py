"""What is wrong with a price or with a question about one: a code, where, and what to do, in both languages."""

from __future__ import annotations


class InputError(ValueError):
    """A refused input: `code` for programs, `path` such as `price.tiers[1].up_to`, and a message for people."""

    def __init__(self, code: str, path: str, message: str, message_zh: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.code = code
        self.path = path
        self.message = message
        self.message_zh = message_zh

    def text(self, language: str) -> str:
        """Return the message in Chinese for zh and its kin, in English otherwise."""
        return self.message_zh if language.lower().startswith("zh") else self.message


class PriceError(InputError):
    """The price itself is wrong: the path begins where the price stands."""
