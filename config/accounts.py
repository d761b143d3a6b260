"""Whose the embedded server is. PostgreSQL refuses to run as root, so root lends it to the checkout's owner."""

import os
import pwd
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict

from django.core.exceptions import ImproperlyConfigured


class Account(TypedDict, total=False):
    """What subprocess.run needs to run as somebody else; empty for the one who asks."""

    user: int
    group: int
    extra_groups: list[int]


def lent_account(base: Path, data: Path) -> Account:
    """The account of the server. Root lends it to the owner of the data, of the checkout, or nobody; none is made."""
    if os.geteuid() != 0:
        return {}
    owners = [path.stat().st_uid for path in (data, base) if path.exists()]
    known = {account.pw_uid: account for account in pwd.getpwall()}
    uid = next((uid for uid in owners if uid and uid in known), pwd.getpwnam("nobody").pw_uid)
    return {"user": uid, "group": known[uid].pw_gid, "extra_groups": []}


def give(path: Path, who: Account) -> None:
    if who:
        os.chown(path, who["user"], who["group"])


def make_private(folder: Path, base: Path, who: Account) -> None:
    """Make `folder` for its owner alone; what root makes above it goes to the owner of the checkout."""
    above = base.stat()
    for parent in [path for path in reversed(folder.parents) if not path.exists()]:
        parent.mkdir(exist_ok=True)
        if who and parent.is_relative_to(base):
            os.chown(parent, above.st_uid, above.st_gid)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid != who.get("user", os.geteuid()):
            adopt(folder, who)
        folder.chmod(0o700)
    except PermissionError as error:
        raise foreign(folder) from error


def adopt(folder: Path, who: Account) -> None:
    """Root may give away a folder of root's. One of a third account (in the temporary folder, say) is refused."""
    if not who or folder.is_symlink() or folder.stat().st_uid != 0:
        raise foreign(folder)
    give(folder, who)


def open_the_way(folders: Iterable[Path], who: Account) -> None:
    """Let a lent account pass (not read) the folders above: a home is often closed to others."""
    for folder in folders if who else ():
        for parent in folder.parents:
            found = parent.stat()
            if found.st_uid != who["user"] and not found.st_mode & stat.S_IXOTH:
                parent.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXOTH)


def foreign(path: Path) -> ImproperlyConfigured:
    """Say whose `path` is, and what to do."""
    try:
        owner = pwd.getpwuid(path.stat().st_uid).pw_name
    except (OSError, KeyError):
        owner = "another account"
    return ImproperlyConfigured(
        f"{path} belongs to {owner}, and your account may not use it. "
        "Run the command as the owner of this checkout, or clone the project into a folder of your own."
    )
