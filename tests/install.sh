#!/usr/bin/env bash
# `make install` and `make uninstall`, and whether what was installed is of use: files and modes,
# the man page, the units by systemd's own tools (no systemd has to run), and the installed program
# under socket activation, replaced while it serves.
#   BUILD=build bash tests/install.sh
set -u
cd "$(dirname "$0")/.." || exit 2
build=${BUILD:-build}
work=$(mktemp -d /tmp/rowcast-install-XXXXXX)
pids=()
failures=0

cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null; done
    rm -rf "$work"
}
trap cleanup EXIT

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}
# expect WHAT COMMAND...: says WHAT, and what the command said, where it fails.
expect() {
    local what=$1
    shift
    "$@" >"$work/said" 2>&1 || { fail "$what"; sed 's/^/    /' "$work/said"; }
}
# The same, of a command that needs a moment.  What follows would make no sense without it.
await() {
    local what=$1 until=$((SECONDS + 20))
    shift
    until "$@" >"$work/said" 2>&1; do
        if [ "$SECONDS" -ge "$until" ]; then
            echo "FAILED: waited for: $what"
            sed 's/^/    /' "$work/said"
            tail -n 20 "$work"/*.log
            exit 1
        fi
        sleep 0.02
    done
}
run_make() { make -s BUILD="$build" "$@"; }
# options.h has the version; what repeats it for people says the same.
one_version() {
    local version
    version=$("$build/rowcast.fcgi" --version) && version=${version#rowcast } && echo "$version" &&
        grep -qF "\"version\": \"$version\"" web/package.json &&
        [ "$(sed -n 's/^## //p' CHANGELOG.md | head -n 1)" = "$version" ]
}
has_mode() { [ -f "$2" ] && [ "$(stat -c %a "$2")" = "$1" ] || { ls -l "$2"; return 1; }; }
# The links of the pages in FOLDER that lead to no file.
broken_links() {
    local page link
    find "$1" -name '*.md' | while read -r page; do
        grep -oE '\]\([^):#]+[)#]' "$page" | sed -E 's/^..(.*).$/\1/' | while read -r link; do
            [ -e "$(dirname "$page")/$link" ] || echo "${page##*/}: $link"
        done
    done
}

# dpkg knows a package, by the STATUS it gives, and somebody without root asks what is missing.
is_missing_as() {
    mkdir -p "$work/stubs"
    printf '#!/bin/sh\necho %s\n' "$1" >"$work/stubs/dpkg-query"
    printf '#!/bin/sh\necho 1000\n' >"$work/stubs/id"
    chmod 755 "$work/stubs"/*
    PATH=$work/stubs:$PATH sh packaging/install-packages.sh build 2>&1 | grep -q 'install .* gcc'
}

expect 'a package that dpkg merely knows is missing' is_missing_as not-installed
expect 'one that was removed, too' is_missing_as config-files
expect 'one that is installed is not' eval '! is_missing_as installed'
expect 'one version in the program, the modules and the list of changes' one_version

# ------------------------------------------------------------- the files, for a package
dest=$work/dest
usr=$dest/opt/x
umask 077 # of who installs; it must not matter
expect 'make install' run_make install DESTDIR="$dest" PREFIX=/opt/x
for file in lib/cgi-bin/rowcast.fcgi lib/cgi-bin/rowcast-later.cgi; do
    expect "$file" has_mode 755 "$usr/$file"
done
for file in share/man/man8/rowcast.8 share/rowcast/sql/{schema,views}.sql share/rowcast/web/{index.html,rowcast.js,rowcast.min.js} \
    lib/systemd/system/rowcast.{service,socket} lib/{tmpfiles,sysusers}.d/rowcast.conf; do
    expect "$file" has_mode 644 "$usr/$file"
done
for file in {README,ARCHITECTURE,CHANGELOG,CONTRIBUTING}.md LICENSE docs/*.md *.conf.example conf/*; do
    expect "$file" has_mode 644 "$usr/share/doc/rowcast/$file"
done
expect 'folders that everybody can enter' test -z "$(find "$dest"/opt -type d ! -perm 755)"
expect 'no file names a place that is not ours' test -z \
    "$(grep -rE '/usr/(lib/cgi-bin|share/(doc/)?rowcast)' "$usr/lib/systemd" "$usr/share")"
expect 'every link between the installed pages leads to a file' test -z "$(broken_links "$usr/share/doc/rowcast")"
expect 'installing again changes nothing' test -z "$(run_make install DESTDIR="$dest" PREFIX=/opt/x)"
echo own >"$usr/share/doc/rowcast/of-the-admin"
expect 'make uninstall' run_make uninstall DESTDIR="$dest" PREFIX=/opt/x
expect 'uninstall leaves what others put there' rm "$usr/share/doc/rowcast/of-the-admin"
expect 'uninstall again' run_make uninstall DESTDIR="$dest" PREFIX=/opt/x
expect 'uninstall leaves nothing' test -z \
    "$(find "$dest" -type f)$(find "$dest" -name 'rowcast*')"

# ------------------------------------------------------------- the man page
expect 'rowcast.8' mandoc -Tlint -Wwarning docs/rowcast.8
mandoc -Tascii docs/rowcast.8 | sed 's/.\x08//g' >"$work/man"
for option in $("$build/rowcast.fcgi" --help | grep -oE -- '--[a-z-]+[a-z]' | sort -u); do
    expect "rowcast.8 has $option" grep -qE -- "$option([^a-z-]|\$)" "$work/man"
done

# ------------------------------------------------------------- the units
umask 022
chmod 755 "$work"
prefix=$work/usr
program=$prefix/lib/cgi-bin/rowcast.fcgi
expect 'make install PREFIX' run_make install PREFIX="$prefix"
units=$prefix/lib/systemd/system
expect 'the units' systemd-analyze verify --man=no "$units/rowcast.service" "$units/rowcast.socket"
grep rowcast "$work/said" >"$work/unknown" # lines that it does not know are no failure to it
expect 'every line of the units is known' test ! -s "$work/unknown"
expect 'the service is hardened' systemd-analyze security --offline=true --threshold=8 "$units/rowcast.service"
grep -o 'Overall exposure level.*[0-9]' "$work/said" | sed 's/^/note: /'
if [ "$(id -u)" -eq 0 ]; then
    root=$work/root
    mkdir -p "$root"/{usr/lib/sysusers.d,usr/lib/tmpfiles.d,etc,var/lib}
    cp "$prefix/lib/sysusers.d/rowcast.conf" "$root/usr/lib/sysusers.d/"
    cp "$prefix/lib/tmpfiles.d/rowcast.conf" "$root/usr/lib/tmpfiles.d/"
    expect 'sysusers' systemd-sysusers --root="$root"
    expect 'the account' grep -q '^rowcast:.*:/var/lib/rowcast:.*nologin$' "$root/etc/passwd"
    expect 'tmpfiles' systemd-tmpfiles --create --root="$root" rowcast.conf
    expect 'the directory' test "$(stat -c '%a %u' "$root/var/lib/rowcast")" = \
        "2770 $(awk -F: '$1 == "rowcast" { print $3 }' "$root/etc/passwd")"
else
    echo 'note: not root: sysusers and tmpfiles were not tried'
fi

# ------------------------------------------------------------- the installed program
db=$work/rowcast.db
address=127.$((1 + $$ / 65536 % 64)).$(($$ / 256 % 256)).$(($$ % 256)):19000
cat >"$work/lighttpd.conf" <<CONF
server.bind = "${address%:*}"
server.port = ${address#*:}
server.document-root = "$work"
server.errorlog = "$work/lighttpd.log"
var.rowcast_socket = "$work/socket"
var.rowcast_later = "$prefix/lib/cgi-bin/rowcast-later.cgi"
var.rowcast_web = "$prefix/share/rowcast/web"
include "$prefix/share/doc/rowcast/conf/lighttpd-socket.conf.example"
CONF
sqlite3 -bail "$db" <"$prefix/share/rowcast/sql/schema.sql" >/dev/null
publish() { sqlite3 "$db" -cmd '.timeout 5000' "INSERT INTO events(data) VALUES('$1')"; }
# The programs that the supervisor's processes run, one a line.
programs() { for p in $(cat "/proc/$server/task/$server/children"); do readlink "/proc/$p/exe"; done | sort; }
all_new() { [ "$(programs)" = "$(printf '%s\n%s' "$program" "$program")" ] || { programs; return 1; }; }

printf x >>"$program" # an older version, that is
systemd-socket-activate -l "$work/socket" -E ROWCAST_DB="$db" -E ROWCAST_PROCESSES=2 \
    -E ROWCAST_DRAIN_SECONDS=0 -E ROWCAST_LOG_TO="$work/rowcast.log" "$program" 2>/dev/null &
server=$!
/usr/sbin/lighttpd -D -f "$work/lighttpd.conf" 2>/dev/null &
pids=("$server" $!)
await 'an answer' curl -s -o /dev/null "http://$address/sse/stats"
curl -sN "http://$address/sse/events" >"$work/stream" 2>/dev/null &
pids+=($!)
await 'a stream' grep -q 'event: connected' "$work/stream"
await 'two processes' all_new
publish one
await 'a row' grep -q '^data: one' "$work/stream"

expect 'a new version installed over the running one' run_make install PREFIX="$prefix"
expect 'the running one is still the old one' test "$(programs | grep -c deleted)" = 2
publish two
await 'a row by the old version' grep -q '^data: two' "$work/stream"
kill -HUP "$server"
await 'two processes of the new version' all_new
await 'the end of the stream' grep -q 'event: later' "$work/stream"
curl -sN "http://$address/sse/events?lastEventId=earliest" >"$work/stream" 2>/dev/null &
pids+=($!)
await 'a stream of the new version' grep -q '^data: two' "$work/stream"
publish three
await 'a row by the new version' grep -q '^data: three' "$work/stream"
children=$(cat "/proc/$server/task/$server/children")
kill -TERM "$server"
gone() { ! kill -0 "$server" && for p in $children; do ! kill -0 "$p" || return 1; done; }
await 'the end of all processes' gone
[ "$failures" -eq 0 ]
