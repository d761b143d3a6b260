# Read by the commands beside it, not run: the packages of the machine, the right account, and Python's packages.
# Everything here may be done twice, and needs no network once it is done.

ROOT=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." && pwd)
cd -- "$ROOT"
umask 022
unset PYTHONHOME PYTHONPATH VIRTUAL_ENV PIP_TARGET PIP_PREFIX PIP_REQUIREMENT PIP_CONSTRAINT
export PIP_USER=0 PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

PYTHON=$ROOT/.venv/bin/python
RUNNING=(libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0)

say() { printf '%s\n' "$*"; }

give_up() {
    printf '%s\n' "$@" >&2
    exit 1
}

# A Python that can make an environment: the machine's python3 if it is new enough, or a newer one beside it.
find_python() {
    local name
    for name in python3 python3.11 python3.12 python3.13 python3.14; do
        if "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}

is_installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

missing_packages() {
    local name
    command -v dpkg-query >/dev/null || return 0
    find_python >/dev/null || say python3-venv
    for name in "${RUNNING[@]}"; do
        is_installed "$name" || say "$name"
    done
}

# The programs that the browser and PDF tests look at pages with; those tests are skipped, with the reason, without them.
missing_viewers() {
    command -v dpkg-query >/dev/null || return 0
    command -v chromium >/dev/null || command -v google-chrome >/dev/null || say chromium
    command -v pdftotext >/dev/null || say poppler-utils
}

# Root, or an account that sudo lets without a question.
administrator() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif sudo -n true >/dev/null 2>&1; then
        sudo -n "$@"
    else
        return 1
    fi
}

apt_install() {
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 -o Acquire::http::Timeout=30)
    administrator true || return 1
    say "Installing $* ..."
    administrator "${apt[@]}" install --no-install-recommends "$@" </dev/null >/dev/null 2>&1 && return 0
    administrator "${apt[@]}" update </dev/null >/dev/null 2>&1 || true # a new machine has no lists yet
    administrator "${apt[@]}" install --no-install-recommends "$@" </dev/null >/dev/null
}

packages() {
    local missing
    mapfile -t missing < <(missing_packages)
    if [ ${#missing[@]} -gt 0 ] && ! apt_install "${missing[@]}"; then
        give_up "Some packages of the system are missing. An administrator can install them, then start again:" \
            "  sudo apt-get install -y ${missing[*]}"
    fi
}

viewers() {
    local missing
    mapfile -t missing < <(missing_viewers)
    if [ ${#missing[@]} -gt 0 ] && ! apt_install "${missing[@]}"; then
        say "The browser or PDF tests will be skipped. To have them: sudo apt-get install -y ${missing[*]}"
    fi
}

# Root goes on as the owner of the checkout, so that nothing in it becomes root's. An owner without an account stays with root.
as_owner() {
    local owner
    owner=$(stat -c %U -- "$ROOT")
    if [ "$(id -u)" = 0 ] && [ "$owner" != root ] && id -u "$owner" >/dev/null 2>&1; then
        exec runuser -u "$owner" -- env HOME="$(getent passwd "$owner" | cut -d: -f6)" "$@"
    fi
    if [ ! -w "$ROOT" ]; then
        give_up "This checkout belongs to $owner, and your account may not write in it." \
            "Run the command as $owner, or clone the project into a folder of your own."
    fi
    if [ ! -w "${HOME:-/nonexistent}" ]; then
        export HOME=$ROOT/var/home
        mkdir -p -- "$HOME"
    fi
}

# Install wheels only, so nothing is compiled. One package of pure Python exists as source alone (docs/dependencies.md): it is
# packed here by the setuptools of the lock, which comes first, and not by whatever the index has newest.
install_packages() {
    local lock=$1 install=("$PYTHON" -m pip install --quiet --require-hashes --no-deps --only-binary :all:)
    awk '/^[^ #]/ { wanted = index($0, "setuptools==") == 1 } wanted' "$lock" >var/builder.lock
    "${install[@]}" -r var/builder.lock &&
        "${install[@]}" --no-binary python-alipay-sdk --no-build-isolation --use-pep517 -r "$lock"
}

# Put the packages of a lock file into .venv. The file `complete` names the locks that it holds; without it .venv is half-made.
environment() {
    local lock=$1 wanted python complete=$ROOT/.venv/complete
    wanted=$(sha256sum "$lock" | cut -d' ' -f1)
    if grep -qs "$wanted" "$complete" && "$PYTHON" -c 'import django' >/dev/null 2>&1; then
        return 0
    fi
    python=$(find_python) || give_up "Python 3.11 or newer with its venv module is needed: sudo apt-get install -y python3-venv"
    if [ ! -e "$complete" ] || ! "$PYTHON" -m pip --version >/dev/null 2>&1; then
        say "Making the Python environment .venv ..."
        rm -rf -- "$ROOT/.venv"
        "$python" -m venv "$ROOT/.venv"
    fi
    rm -f -- "$complete"
    say "Installing the Python packages of $lock ..."
    mkdir -p var
    install_packages "$lock" >var/pip.log 2>&1 ||
        give_up "$(grep -v '^WARNING' var/pip.log | tail -n 5)" \
            "The Python packages of $lock could not be installed (all of it: var/pip.log). Once, this needs a package index."
    case $lock in
    requirements-dev.lock) sha256sum requirements.lock requirements-dev.lock >"$complete" ;; # the one holds the other
    *) sha256sum "$lock" >"$complete" ;;
    esac
}
