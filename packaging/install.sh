#!/bin/sh
# What `make install` and `make uninstall` do, from one list, so that the second removes exactly
# what the first installed.
#   PREFIX=/usr/local DESTDIR= BUILD=build sh packaging/install.sh install|uninstall
# The files in the repository name paths under PREFIX=/usr; for another PREFIX the copies are changed.
# Each file is put in place by rename: processes keep the program that they run, and a process that
# starts at this moment finds the old program or the new one, never half of it.  A file that did not
# change is left alone.
set -eu
umask 022
: "${PREFIX:=/usr/local}" "${DESTDIR:=}" "${BUILD:=build}"
doc=share/doc/rowcast

# MODE SOURCE PLACE, a line each.
list() {
    echo "755 $BUILD/rowcast.fcgi lib/cgi-bin/rowcast.fcgi"
    echo "755 packaging/rowcast-later.cgi lib/cgi-bin/rowcast-later.cgi"
    echo "644 docs/rowcast.8 share/man/man8/rowcast.8"
    echo "644 packaging/rowcast.service lib/systemd/system/rowcast.service"
    echo "644 packaging/rowcast.socket lib/systemd/system/rowcast.socket"
    echo "644 packaging/rowcast.tmpfiles lib/tmpfiles.d/rowcast.conf"
    echo "644 packaging/rowcast.sysusers lib/sysusers.d/rowcast.conf"
    for file in sql/schema.sql sql/views.sql; do echo "644 $file share/rowcast/$file"; done
    # package.json and README.md are npm's.
    find web -type f ! -path web/package.json ! -path web/README.md ! -path '*/node_modules/*' | LC_ALL=C sort |
        while read -r file; do echo "644 $file share/rowcast/$file"; done
    find "$BUILD/web" -name '*.min.js' 2>/dev/null | LC_ALL=C sort |
        while read -r file; do echo "644 $file share/rowcast/web/${file##*/}"; done
    for file in README.md ARCHITECTURE.md CHANGELOG.md CONTRIBUTING.md LICENSE docs/*.md *.conf.example conf/*; do
        echo "644 $file $doc/$file"
    done
    # Existing configurations name the examples by the path they had in earlier versions.
    for file in conf/*; do echo "644 $file $doc/${file#conf/}"; done
}

# Print SOURCE with its paths changed to PREFIX, and a page's links to where those files go.
adapted() {
    case $1 in
    "$BUILD"/*) cat "$1" ;;
    *)
        sed -E "s,/usr(/lib/cgi-bin|/share/rowcast|/share/doc/rowcast),$PREFIX\1,g
            s,]\(docs/rowcast\.8,](../../man/man8/rowcast.8,g
            s,]\(\.\./packaging/(rowcast\.(service|socket)),](../../../../lib/systemd/system/\1,g
            s,]\(\.\./web/,](../../../rowcast/web/,g" "$1"
        ;;
    esac
}

case ${1:-} in
install)
    list | while read -r mode source place; do
        target=$DESTDIR$PREFIX/$place
        mkdir -p "$(dirname "$target")"
        adapted "$source" >"$target.new"
        chmod "$mode" "$target.new"
        if cmp -s "$target.new" "$target"; then
            rm "$target.new"
            chmod "$mode" "$target"
        else
            mv -f "$target.new" "$target"
            echo "installed $target"
        fi
    done
    ;;
uninstall)
    list | while read -r _ _ place; do rm -f "$DESTDIR$PREFIX/$place"; done
    # Remove Rowcast's own folders, unless somebody else put something there.
    for folder in share/rowcast "$doc"; do
        if [ -d "$DESTDIR$PREFIX/$folder" ]; then
            find "$DESTDIR$PREFIX/$folder" -depth -type d -empty -delete
        fi
    done
    ;;
*)
    echo "usage: $0 install|uninstall" >&2
    exit 2
    ;;
esac
