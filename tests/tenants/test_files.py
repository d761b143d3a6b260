"""Files are kept by the hash of their content, and a changed one is never handed out."""

from hashlib import sha256

import pytest

from tenants import files


def test_it_keeps_and_fetches():
    digest = files.keep(b"bill")
    assert digest == sha256(b"bill").hexdigest()
    assert files.fetch(digest) == b"bill"


def test_it_keeps_the_same_once():
    first = files.place(files.keep(b"bill")).stat().st_mtime_ns
    assert files.place(files.keep(b"bill")).stat().st_mtime_ns == first
    assert len(list(files.place(files.keep(b"bill")).parent.iterdir())) == 1


def test_it_refuses_a_changed_file():
    digest = files.keep(b"bill")
    files.place(digest).write_bytes(b"other")
    with pytest.raises(files.Damaged):
        files.fetch(digest)


def test_it_says_that_a_file_is_missing():
    with pytest.raises(FileNotFoundError):
        files.fetch("0" * 64)
