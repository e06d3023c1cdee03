#!/bin/sh
# What `make run` does: it creates an event log under build/run/, runs lighttpd on 127.0.0.1 in the
# foreground, and prints commands to try.  Ctrl-C ends everything; event log and token are kept.
set -eu
port=${PORT:-8080}
root=$(pwd)
run=$root/build/run
db=$run/rowcast.db
mkdir -p "$run"

# An event log that an earlier version left here is upgraded; what the check says of other things is
# for an event log that strangers use.
"$root/build/rowcast.fcgi" --check --db "$db" >/dev/null 2>&1 || true
sqlite3 -bail "$db" <sql/schema.sql >/dev/null
sqlite3 -bail "$db" <web/examples/app.sql >/dev/null # the example application's tables, in the same file
setting() { sqlite3 "$db" "SELECT value FROM rowcast_config WHERE name = '$1'"; }
if [ -z "$(setting publish_token)" ]; then
    token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    sqlite3 "$db" "UPDATE rowcast_config SET value = '$token' WHERE name = 'publish_token'"
fi
token=$(setting publish_token)

cat >"$run/lighttpd.conf" <<CONF
# Written by packaging/run.sh at each start.
server.bind          = "127.0.0.1"
server.port          = $port
server.document-root = "$root/web"
server.errorlog      = "$run/lighttpd.log"
var.rowcast_program  = "$root/build/rowcast.fcgi"
var.rowcast_db       = "$db"
var.rowcast_socket   = "$run/rowcast.socket"
var.rowcast_log      = "$run/rowcast.log"
var.rowcast_later    = "$root/packaging/rowcast-later.cgi"
var.rowcast_web      = "$root/web"
include "$root/lighttpd.conf.example"
# The pages are at / here, as the example serves them at /rowcast/.
server.modules      += ( "mod_rewrite" )
url.rewrite-once     = ( "^/(?!(?:sse|rowcast)(?:[/?]|$)|rowcast-(?:later|down))(.*)" => "/rowcast/\$1" )
CONF

# In a session of its own, so that the terminal's Ctrl-C reaches this script alone: on SIGINT
# lighttpd waits until every stream has ended, which may be never.
setsid lighttpd -D -f "$run/lighttpd.conf" &
server=$!
stop() {
    trap '' HUP INT TERM
    kill -TERM "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    echo
    exit 0
}
trap stop HUP INT TERM

tries=0
until curl -s -o /dev/null "http://127.0.0.1:$port/"; do
    tries=$((tries + 1))
    if ! kill -0 "$server" 2>/dev/null || [ "$tries" -gt 100 ]; then
        echo "lighttpd did not start on 127.0.0.1:$port (another port: make run PORT=8081)" >&2
        kill -TERM "$server" 2>/dev/null || true
        exit 1
    fi
    sleep 0.05
done

cat <<SAY

  The page     http://127.0.0.1:$port/#$token
  The stream   curl -N http://127.0.0.1:$port/sse/events
  Event log    $db

  Publish an event by inserting a row:

  sqlite3 $db "INSERT INTO events(type,data) VALUES('update','{\"message\":\"Hello World\"}')"

  Log file     $run/rowcast.log

  Ctrl-C ends everything.

SAY
wait "$server" || {
    echo "lighttpd ended: see $run/lighttpd.log" >&2
    exit 1
}
