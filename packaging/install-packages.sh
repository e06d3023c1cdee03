#!/bin/sh
# Install those Debian packages that are missing.
#   sh packaging/install-packages.sh build|run|test|browsers
# Meanwhile a policy-rc.d keeps services from starting, since lighttpd and Apache would otherwise
# open public ports.  Without root this prints the command to type.
set -eu

build='gcc make pkg-config libc6-dev libuv1-dev libfcgi-dev libsqlite3-dev liburiparser-dev libmd-dev libjansson-dev uthash-dev esbuild'
run="$build lighttpd sqlite3 curl"
test="$run libcmocka-dev apache2 libapache2-mod-fcgid lighttpd-mod-openssl nginx haproxy fcgiwrap openssl \
    clang libclang-rt-14-dev clang-tidy clang-format cppcheck systemd logrotate mandoc chromium php-cli php-sqlite3 python3 media-types"
browsers="$test firefox-esr webkit2gtk-driver xvfb"
case ${1:-} in
build) wanted=$build ;;
run) wanted=$run ;;
test) wanted=$test ;;
browsers) wanted=$browsers ;;
*)
    echo "usage: $0 build|run|test|browsers" >&2
    exit 2
    ;;
esac

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "This system has no Debian packages.  Needed, by their names there: $wanted" >&2
    exit 0
fi

# Node.js and npm may have been installed without Debian's packages.
case $1 in test | browsers)
    command -v node >/dev/null 2>&1 || wanted="$wanted nodejs"
    command -v npm >/dev/null 2>&1 || wanted="$wanted npm"
    ;;
esac

missing=
for package in $wanted; do
    # A package that is merely known, or was removed, has a status too: "not-installed".
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    printf 'Missing packages.  Please type:\n  sudo apt-get install -y --no-install-recommends%s\n' \
        "$missing" >&2
    exit 1
fi

policy=/usr/sbin/policy-rc.d
kept=$policy.before-rowcast
restore() {
    rm -f "$policy"
    if [ -e "$kept" ]; then mv "$kept" "$policy"; fi
}
trap restore EXIT
trap 'exit 1' HUP INT TERM
if [ -e "$policy" ]; then mv "$policy" "$kept"; fi
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

export DEBIAN_FRONTEND=noninteractive
echo "Installing:$missing"
# The package lists may be missing, or older than what the mirror still has.
apt-get install -y -q --no-install-recommends $missing >/dev/null 2>&1 || {
    apt-get update -q
    apt-get install -y -q --no-install-recommends $missing
}
