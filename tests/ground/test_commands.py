"""bin/setup, demo, test and stop on machines that lack something."""

import os
import subprocess

import pytest

from tests.architecture.source import ROOT

LIBRARIES = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
COMMANDS = ["bin/ground.sh", "bin/setup", "bin/demo", "bin/test", "bin/stop", ".ci/run"]


@pytest.mark.parametrize("name", COMMANDS)
def test_it_is_good_bash(name):
    done = subprocess.run(["bash", "-n", ROOT / name], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", COMMANDS[1:])
def test_it_may_be_run(name):
    assert os.access(ROOT / name, os.X_OK)


def test_it_sets_up_without_a_home(checkout):
    done = checkout.run("setup")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Ready." in done.stdout
    assert any("--require-hashes" in call and "requirements.lock" in call for call in checkout.calls("inner"))
    assert checkout.calls("inner")[-1].startswith("inner manage.py migrate")
    assert (checkout.folder / "var/home").is_dir()


def test_it_installs_nothing_the_second_time(checkout):
    checkout.run("setup")
    checkout.log.write_text("")
    assert checkout.run("setup").returncode == 0
    assert [call for call in checkout.calls("inner") if "pip" in call] == []
    assert checkout.calls("apt-get") == []


def test_it_says_in_one_line_what_an_administrator_must_install(checkout):
    checkout.stub("dpkg-query", "exit 1")
    done = checkout.run("setup")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"  sudo apt-get install -y {LIBRARIES}"
    assert len(done.stderr.splitlines()) == 2


def test_it_asks_for_python_where_there_is_none(checkout):
    checkout.stub("dpkg-query", "exit 1")
    for name in ("python3", "python3.11", "python3.12", "python3.13", "python3.14"):
        checkout.stub(name, "exit 1")
    assert f"sudo apt-get install -y python3-venv {LIBRARIES}" in checkout.run("setup").stderr


def test_it_takes_a_newer_python_beside_an_old_one(checkout):
    newer = (checkout.stubs / "python3").rename(checkout.stubs / "python3.12")
    checkout.stub("python3", "exit 1")
    checkout.stub("python3.11", "exit 1")
    assert checkout.run("setup").returncode == 0
    assert newer.name == "python3.12"


@pytest.mark.parametrize("rights", ["root", "sudo"])
def test_it_installs_packages_itself_where_it_may(checkout, rights):
    checkout.stub("dpkg-query", "exit 1")
    if rights == "root":
        checkout.stub("id", "echo 0")
        checkout.stub("stat", "echo root")
    else:
        checkout.stub("sudo", 'shift; "$@"')
    done = checkout.run("setup")
    assert done.returncode == 0
    assert checkout.calls("apt-get")[0].endswith(f"install --no-install-recommends {LIBRARIES}")


def test_it_fetches_package_lists_on_a_new_machine(checkout):
    checkout.stub("dpkg-query", "exit 1")
    checkout.stub("id", "echo 0")
    checkout.stub("stat", "echo root")
    checkout.stub("apt-get", f'grep -q "apt-get .*update" "{checkout.log}"')
    assert checkout.run("setup").returncode == 0
    assert [call.split()[-1] for call in checkout.calls("apt-get")] == [
        "libharfbuzz-subset0",
        "update",
        "libharfbuzz-subset0",
    ]


def test_it_goes_on_as_the_owner_when_root_runs_it(checkout):
    checkout.stub("id", "echo 0")
    checkout.stub("stat", "echo nobody")
    for command in ("setup", "demo", "test"):
        checkout.log.write_text("")
        checkout.run(command, *(["--dev"] if command == "setup" else ["--no-serve"]))
        (call,) = checkout.calls("runuser")
        assert call.startswith("runuser -u nobody -- env HOME=")
        assert f"/bin/{command} --" in call
        assert checkout.calls("inner") == []


def test_it_stays_root_where_the_owner_has_no_account(checkout):
    checkout.stub("id", '[ "$2" != UNKNOWN ] && echo 0')
    checkout.stub("stat", "echo UNKNOWN")
    assert checkout.run("setup").returncode == 0
    assert checkout.calls("runuser") == []


def test_it_builds_a_half_made_environment_again(checkout):
    checkout.run("setup")
    (checkout.folder / ".venv/complete").unlink()
    (checkout.folder / ".venv/left over").touch()
    assert "Making the Python environment" in checkout.run("setup").stdout
    assert not (checkout.folder / ".venv/left over").exists()


def test_it_follows_a_changed_lock(checkout):
    checkout.run("setup")
    (checkout.folder / "requirements.lock").write_text("# changed\n")
    done = checkout.run("setup")
    assert "Installing the Python packages" in done.stdout
    assert "Making the Python environment" not in done.stdout


def test_it_serves_with_the_environment_of_the_tests(checkout):
    checkout.run("setup", "--dev")
    assert "Installing" not in checkout.run("setup").stdout
    assert "Installing" not in checkout.run("setup", "--dev").stdout


def test_it_says_that_an_index_is_needed_once(checkout):
    checkout.python('[ "$2 $3" != "pip install" ] || { echo "no index"; exit 1; }')
    done = checkout.run("setup")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "no index"
    assert "needs a package index" in done.stderr
    assert not (checkout.folder / ".venv/complete").exists()


def test_it_passes_the_demo_its_arguments(checkout):
    assert checkout.run("demo", "--no-serve").returncode == 0
    assert checkout.calls("inner")[-1] == "inner manage.py demo --no-serve"


def test_it_runs_only_pytest_when_it_has_arguments(checkout):
    done = checkout.run("test", "tests/billing", "-k", "x y")
    assert done.returncode == 0
    ran = [call for call in checkout.calls("inner") if "pip" not in call]
    assert "inner -m pytest tests/billing -k x y" in ran
    assert not any("ruff" in call for call in ran)


def test_it_runs_everything_and_names_what_failed(checkout):
    checkout.python('[ "$2" != mypy ]')
    done = checkout.run("test")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "Failed: mypy"
    modules = [call.split()[2] for call in checkout.calls("inner") if call.startswith("inner -m")]
    assert [name for name in modules if name in ("ruff", "mypy", "djlint", "pytest")] == [
        "ruff",
        "ruff",
        "mypy",
        "djlint",
        "pytest",
    ]


def test_it_runs_the_tests_again_on_a_given_database(checkout):
    checkout.python('echo "on $DATABASE_URL"; [ "$3" != own-database ] || echo postgres://other')
    given = {"TEST_DATABASE_URL": "postgres://given", "DATABASE_URL": "postgres://production"}
    done = checkout.run("test", **given)
    assert len([call for call in checkout.calls("inner") if call.startswith("inner -m pytest")]) == 2
    assert "production" not in "".join(line for line in done.stdout.splitlines() if "Ready" not in line)


@pytest.mark.parametrize(("running", "stopped"), [(True, False), (False, True)])
def test_it_stops_the_server_that_it_started_and_no_other(checkout, running, stopped):
    checkout.python(f'[ "$3" != status ] || exit {0 if running else 3}')
    checkout.run("test", "x")
    assert ("inner -m config.database stop" in checkout.calls("inner")) is stopped


def test_it_has_nothing_to_stop_before_it_is_set_up(checkout):
    assert checkout.run("stop").stderr == "Nothing is set up here yet: bin/setup\n"


def test_it_says_whose_a_checkout_is(checkout):
    checkout.stub("stat", "echo alice")
    text = (checkout.folder / "bin/ground.sh").read_text().replace('[ ! -w "$ROOT" ]', "true")
    (checkout.folder / "bin/ground.sh").write_text(text)
    done = checkout.run("setup")
    assert done.returncode == 1
    assert "belongs to alice" in done.stderr
