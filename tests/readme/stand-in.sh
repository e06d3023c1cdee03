#!/usr/bin/env bash
# What README.md calls and a test must not let loose on the machine, under its own name in PATH.
# Each checks that it is called as it could be called in earnest, does for real what can be done
# inside of $SANDBOX, and writes what it was asked for to $SANDBOX/asked.  $ROOT is the folder that
# stands for / there.
#
#   sudo                 real: the command, by the account that -u names
#   pkill                real, but only for programs inside of the sandbox
#   systemd-sysusers, systemd-tmpfiles, systemctl enable       real, with --root=$ROOT
#   systemctl --now      the installed unit's socket, Environment= and ExecStart=, by the account that
#                        sysusers made, under systemd-socket-activate.  Not its other lines, and
#                        with a drain of 1 s
#   systemctl reload     the signal of the unit's ExecReload=
#   systemctl daemon-reload, adduser      the form only: names that exist, nothing too much
#   apt-get              always refused: the tests have all that `make run` needs
set -eu
name=${0##*/}
real=/usr/bin/$name
unit=$ROOT/usr/lib/systemd/system/rowcast.service
echo "$name $*" >>"$SANDBOX/asked"
refuse() {
    echo "$name: not as README.md may call it: $*" >&2
    exit 99
}

start_unit() {
    local address environment=() line account
    address=$(sed -n 's/^ListenStream=//p' "${unit%.service}.socket")
    while read -r line; do environment+=(-E "${line/\/var\/lib/$ROOT/var/lib}"); done \
        < <(sed -n 's/^Environment=//p' "$unit" | sed "s|=syslog$|=$ROOT/var/lib/rowcast/log|")
    account=$(awk -F: '$1 == "rowcast" { print $3 }' "$ROOT/etc/passwd")
    mkdir -p "$ROOT${address%/*}"
    chown "$account:$account" "$ROOT${address%/*}"
    setpriv --reuid="$account" --regid="$account" --clear-groups systemd-socket-activate -l "$ROOT$address" \
        "${environment[@]}" -E ROWCAST_DRAIN_SECONDS=1 "$ROOT$(sed -n 's/^ExecStart=//p' "$unit")" >"$SANDBOX/unit.out" 2>&1 </dev/null &
    echo $! >"$SANDBOX/unit.pid"
}

case $name in
sudo)
    if [ "${1:-}" = -u ]; then
        getent passwd "$2" >/dev/null || refuse "no account $2"
        account=$2
        shift 2
        exec setpriv --reuid="$account" --regid="$account" --init-groups "$@"
    fi
    exec "$@"
    ;;
pkill)
    [ "$*" = '-9 -x rowcast.fcgi' ] || refuse "$@"
    found=1
    for process in /proc/[0-9]*; do
        program=$(readlink "$process/exe" 2>/dev/null) || continue
        case $program in
        "$SANDBOX"/*/rowcast.fcgi)
            kill -9 "${process#/proc/}"
            found=0
            ;;
        esac
    done
    exit $found
    ;;
adduser)
    [ $# -eq 2 ] && [[ $1 =~ ^[a-z]+$ ]] || refuse "$@"
    grep -q "^$2:" "$ROOT/etc/group" 2>/dev/null || getent group "$2" >/dev/null || refuse "no group $2"
    ;;
systemd-sysusers) [ $# -eq 0 ] && exec "$real" --root="$ROOT" || refuse "$@" ;;
systemd-tmpfiles)
    [ "$*" = '--create rowcast.conf' ] || refuse "$@"
    exec "$real" --root="$ROOT" "$@"
    ;;
systemctl)
    case "$*" in
    daemon-reload) ;;
    'enable --now rowcast.socket rowcast.service')
        "$real" --root="$ROOT" enable rowcast.socket rowcast.service
        start_unit
        ;;
    'reload rowcast')
        signal=$(sed -n 's|^ExecReload=/bin/kill -\([A-Z]*\) \$MAINPID$|\1|p' "$unit")
        kill -"$signal" "$(cat "$SANDBOX/unit.pid")"
        ;;
    *) refuse "$@" ;;
    esac
    ;;
*) refuse "$@" ;;
esac
