from tests.sandbox import sandbox, sandbox_keys

__all__ = ["sandbox", "sandbox_keys"]
