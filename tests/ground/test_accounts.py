"""Whose the embedded server is, and what root may change on the way to it."""

import os
import pwd
import stat

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import accounts

NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def as_root(monkeypatch):
    """Let the code believe that root asks; what root alone can do is written down."""
    given = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda path, uid, gid: given.append((str(path), uid)))
    return given


@pytest.fixture
def owned_by(monkeypatch):
    """Let paths seem to be another account's."""
    real = type(os.stat("/"))

    def pretend(uid, *paths):
        look = accounts.Path.stat

        def changed(self, **options):
            found = look(self, **options)
            return real([*found[:4], uid, *found[5:]]) if self in paths else found

        monkeypatch.setattr(accounts.Path, "stat", changed)

    return pretend


def test_it_lends_nothing_to_an_ordinary_account(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert accounts.lent_account(tmp_path, tmp_path / "data") == {}


def test_it_lends_to_nobody_where_root_owns_the_checkout(tmp_path, as_root, owned_by):
    owned_by(0, tmp_path)
    assert accounts.lent_account(tmp_path, tmp_path / "data")["user"] == NOBODY.pw_uid


def test_it_lends_to_the_owner_of_the_checkout(tmp_path, as_root, owned_by):
    owned_by(pwd.getpwnam("daemon").pw_uid, tmp_path)
    assert accounts.lent_account(tmp_path, tmp_path / "data")["user"] == pwd.getpwnam("daemon").pw_uid


def test_it_lends_to_the_owner_of_the_data_first(tmp_path, as_root, owned_by):
    (tmp_path / "data").mkdir()
    owned_by(pwd.getpwnam("daemon").pw_uid, tmp_path / "data")
    assert accounts.lent_account(tmp_path, tmp_path / "data")["user"] == pwd.getpwnam("daemon").pw_uid


def test_it_lends_to_nobody_where_the_owner_has_no_account(tmp_path, as_root, owned_by):
    owned_by(54321, tmp_path)
    assert accounts.lent_account(tmp_path, tmp_path / "data")["user"] == NOBODY.pw_uid


def test_it_opens_the_way_by_passing_only(tmp_path):
    home = tmp_path / "home"
    (home / "checkout").mkdir(parents=True)
    home.chmod(0o700)
    accounts.open_the_way([home / "checkout"], {"user": NOBODY.pw_uid, "group": NOBODY.pw_gid})
    assert stat.S_IMODE(home.stat().st_mode) == 0o701


def test_it_opens_nothing_for_the_one_who_asks(tmp_path):
    home = tmp_path / "home"
    (home / "checkout").mkdir(parents=True)
    home.chmod(0o700)
    accounts.open_the_way([home / "checkout"], {})
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_it_makes_a_folder_for_its_owner_alone(tmp_path):
    accounts.make_private(tmp_path / "var" / "postgres", tmp_path, {})
    assert stat.S_IMODE((tmp_path / "var" / "postgres").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "var").stat().st_mode) & 0o700 == 0o700


def test_it_gives_what_root_makes_to_the_owner_of_the_checkout(tmp_path, as_root, owned_by):
    daemon = pwd.getpwnam("daemon")
    folder = tmp_path / "var" / "postgres"
    owned_by(daemon.pw_uid, tmp_path)
    owned_by(0, folder)
    accounts.make_private(folder, tmp_path, {"user": daemon.pw_uid, "group": daemon.pw_gid})
    assert as_root == [(str(tmp_path / "var"), daemon.pw_uid), (str(folder), daemon.pw_uid)]


def test_it_refuses_a_folder_of_a_third_account(tmp_path, monkeypatch, owned_by):
    """Anybody may make a folder in the temporary folder before us."""
    folder = tmp_path / "sockets"
    folder.mkdir()
    owned_by(pwd.getpwnam("daemon").pw_uid, folder)
    with pytest.raises(ImproperlyConfigured, match="belongs to daemon, and your account"):
        accounts.make_private(folder, tmp_path, {})


def test_it_refuses_a_link_in_place_of_a_folder(tmp_path):
    (tmp_path / "link").symlink_to("/usr")
    with pytest.raises(ImproperlyConfigured):
        accounts.adopt(tmp_path / "link", {"user": 1, "group": 1})
